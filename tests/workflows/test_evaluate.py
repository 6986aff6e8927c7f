"""``rewardsmith evaluate``: from a reward model and a set to numbers."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.options import FileRunOptions
from rewardsmith.artifacts.runs.manifest import read_manifest, require_fingerprint
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.cli.main import main
from rewardsmith.contracts.metrics.evaluate import EvaluateMetrics
from rewardsmith.engine.scoring import open_scorer as scorers
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError, DataError, ModelError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.workflows.evaluate import run_evaluate
from rewardsmith.workflows.options.evaluate import EvaluateConfig
from rewardsmith.workflows.options.score import ScoreConfig
from rewardsmith.workflows.score import run_score
from stub_scorer import StubScorer
from tiny_reward_models import some_rows
from untrained_models import opposite_of, quiet_run, save_untrained

SIDES = ("chosen", "rejected")
QUIET = FileRunOptions(quiet=True)


without_states = partial(EvaluateConfig, state_pairs=0)
"""Their maps take most of an evaluation's time, and are tested in one place."""


@pytest.fixture(scope="module")
def reward_model(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tiny_llama, tmp_path_factory.mktemp("reward-model"))


@pytest.fixture
def own_model(reward_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(reward_model, tmp_path / "rm"))


def rows_labelled_by(model: str, num_pairs: int, num_against: int, **scoring: Any) -> list[dict[str, Any]]:
    """Pairs of which all but the first few are labelled as the model has it."""
    rows = some_rows(num_pairs)
    config = ScoringOptions(**scoring)
    sides = []
    for side in SIDES:
        talks = [
            [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}] for row in rows
        ]
        sides.append(open_scorer(model, config).score(talks).rewards)  # type: ignore[arg-type]
    swap = (sides[0] < sides[1]) ^ (np.arange(num_pairs) < num_against)
    return [
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]} if turned else row
        for row, turned in zip(rows, swap, strict=True)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_command_writes_numbers_and_rewards(
    reward_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "prefs.jsonl", [{**row, "context": "as was said"} for row in some_rows(24)])
    out = tmp_path / "out"
    words = ["evaluate", str(data), "--reward_model_path", str(reward_model), "--output_dir", str(out)]
    assert main([*words, "--quiet", "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    summary = json.loads(printed[-1])
    assert summary["eval_num_pairs"] == 24 and summary["num_conversations_cut"] == 0
    assert summary["columns_not_read"] == {"context": 24}
    assert "24 rows have text in context, which was not read" in (out / "report.html").read_text()
    assert printed[0].startswith("Too few prompts to tell it from a coin: accuracy ")
    few = "on 24 pairs of 6 prompts (too few for an interval)"
    assert printed[1].startswith(f"Accuracy {summary['eval_accuracy']:.4f} {few}")
    assert {"path": str(out), **read_metrics(out, EvaluateMetrics)} == summary
    table = pq.read_table(out / "rewards.parquet")
    assert (table.column("gap").to_numpy() > 0).mean() == summary["eval_accuracy"]
    manifest = read_manifest(out)
    assert set(manifest["inputs"]) == {str(data), "reward model"}
    assert set(manifest["outputs"]) == {"metrics.json", "report.html", "rewards.parquet", "states.parquet"}
    assert f"Report: {out}/report.html" in "".join(printed)


def test_swapped_labels_mirror_every_number(reward_model: Path, tmp_path: Path) -> None:
    rows = some_rows(24)
    swapped = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]
    results = []
    for name, data in (("plain", rows), ("swapped", swapped)):
        config = EvaluateConfig(reward_model_path=str(reward_model), run=quiet_run(tmp_path / name))
        results.append(run_evaluate(config, data).metrics)
    assert results[0]["eval_accuracy"] == pytest.approx(1 - results[1]["eval_accuracy"])
    assert results[0]["eval_gap_mean"] == pytest.approx(-results[1]["eval_gap_mean"], abs=1e-5)


def test_several_models_are_evaluated_by_their_aggregate(reward_model: Path, tmp_path: Path) -> None:
    both, rows = f"{reward_model},{opposite_of(reward_model, tmp_path / 'opposite')}", some_rows(8)
    means = {}
    for aggregate in ("mean", "min"):
        scoring = ScoringOptions(aggregate=aggregate)  # type: ignore[arg-type]
        config = without_states(reward_model_path=both, scoring=scoring, run=quiet_run(tmp_path / aggregate))
        means[aggregate] = run_evaluate(config, rows).metrics["eval_mean_reward"]
    assert means["mean"] == pytest.approx(0.0, abs=1e-6) and means["min"] < -0.01


def test_model_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`reward_model_path` is missing"):
        run_evaluate(without_states(run=quiet_run(tmp_path)), some_rows(4))


def test_backbone_without_head_is_refused_in_one_line(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "prefs.jsonl", some_rows(8))
    words = ["evaluate", str(data), "--reward_model_path", str(tiny_llama), "--output_dir", str(tmp_path / "out")]
    assert main([*words, "--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_text_of_categories_cannot_style_the_table(
    reward_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "category": "[bold]odd[/bold] [/]"} for row in some_rows(4)]
    data = write_rows(tmp_path / "prefs.jsonl", rows)
    words = ["evaluate", str(data), "--reward_model_path", str(reward_model), "--output_dir", str(tmp_path / "out")]
    assert main([*words, "--quiet"]) == 0
    assert "[bold]odd[/bold] [/]" in capsys.readouterr().out


def test_a_fitted_temperature_is_kept_and_makes_the_probabilities(own_model: Path, tmp_path: Path) -> None:
    rows = rows_labelled_by(str(own_model), 240, 24)
    before = json.loads((own_model / "rewardsmith.json").read_text())
    fit = without_states(reward_model_path=str(own_model), fit_temperature=True, run=quiet_run(tmp_path / "fit"))
    temperature = run_evaluate(fit, rows).metrics["eval_temperature"]
    kept = json.loads((own_model / "rewardsmith.json").read_text())
    assert kept.pop("temperature") == temperature > 0
    assert kept.pop("temperature_fit")["num_pairs"] == 240
    assert kept == before
    again = without_states(reward_model_path=str(own_model), run=quiet_run(tmp_path / "again"))
    assert run_evaluate(again, rows).metrics["eval_kept_temperature"] == temperature
    output = str(tmp_path / "p.parquet")
    scored = run_score(ScoreConfig(str(own_model), output, probabilities=True, run=QUIET), rows)
    gap = scored.table.column("gap").to_numpy()
    probability = scored.table.column("probability").to_numpy()
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-gap / temperature)), rtol=0, atol=1e-6)
    assert scored.metrics["temperature"] == temperature
    # A maximum of the likelihood: summed over these labels, probabilities weigh as much as what happened.
    assert float((1 - probability) @ gap) == pytest.approx(0.0, abs=1e-4 * float(np.abs(gap).sum()))


def test_a_model_whose_run_is_finished_still_matches_its_manifest(own_model: Path, tmp_path: Path) -> None:
    trained = RunFolder.open(tmp_path / "trained", "train", {}, {"other.jsonl": "sha256:1"})
    shutil.copytree(own_model, trained.path, dirs_exist_ok=True)
    trained.finish()
    rows = rows_labelled_by(str(own_model), 240, 24)
    run_evaluate(without_states(str(trained.path), fit_temperature=True, run=quiet_run(tmp_path / "fit")), rows)
    require_fingerprint(trained.path, "rewardsmith.json", trained.path / "rewardsmith.json")


def test_without_a_temperature_everything_else_is_there(own_model: Path, tmp_path: Path) -> None:
    before = (own_model / "rewardsmith.json").read_bytes()
    for name, num_against, message in (("none", 0, "every label agrees"), ("all", 40, "no more than chance")):
        config = without_states(str(own_model), fit_temperature=True, run=quiet_run(tmp_path / name))
        with pytest.raises(DataError, match=f"--fit_temperature: .*{message}"):
            run_evaluate(config, rows_labelled_by(str(own_model), 40, num_against))
        assert json.loads((tmp_path / name / "metrics.json").read_text())["eval_temperature"] is None
        assert read_manifest(tmp_path / name)["finished_at"]
    assert (own_model / "rewardsmith.json").read_bytes() == before


def test_a_temperature_is_not_fitted_to_what_the_model_was_trained_on_and_numbers_on_that_are_marked(
    own_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_labelled_by(str(own_model), 240, 24)
    data = write_rows(tmp_path / "train.jsonl", rows)
    sources = load_preferences(str(data), DataOptions()).sources
    trained = RunFolder.open(tmp_path / "trained", "train", {"dataset_split": "train"}, dict(sources))
    shutil.copytree(own_model, trained.path, dirs_exist_ok=True)
    trained.finish()
    config = without_states(
        str(trained.path),
        fit_temperature=True,
        data=DataOptions(dataset_name=str(data)),
        run=quiet_run(tmp_path / "fit"),
    )
    with pytest.raises(ConfigError, match="surer of what it was trained on"):
        run_evaluate(config)
    assert not (tmp_path / "fit").exists()
    inputs = sources
    for verb, made in (("audit", "pairs.parquet"), ("refine", "ledger.parquet"), ("train", "model.safetensors")):
        run = RunFolder.open(tmp_path / verb, verb, {}, dict(inputs))
        (run.path / made).write_text(verb)
        if verb == "train":
            shutil.copytree(own_model, run.path, dirs_exist_ok=True)
        run.finish()
        inputs = {str(run.path / made): fingerprint_file(run.path / made)}
    with pytest.raises(ConfigError, match="surer of what it was trained on"):  # by way of its refined form
        run_evaluate(replace(config, reward_model_path=str(tmp_path / "train")))
    other = write_rows(tmp_path / "heldout.jsonl", rows_labelled_by(str(own_model), 244, 24))
    held_out = replace(config, data=DataOptions(dataset_name=str(other)))
    fitted = run_evaluate(held_out).metrics
    assert not fitted["in_sample"] and not fitted["kept_temperature_in_sample"]
    looks = replace(held_out, fit_temperature=False)
    again = run_evaluate(replace(looks, run=quiet_run(tmp_path / "again"))).metrics
    assert again["kept_temperature_in_sample"] and not again["in_sample"]
    seen = run_evaluate(replace(looks, data=config.data, run=quiet_run(tmp_path / "seen")))
    assert seen.metrics["in_sample"] and not seen.metrics["kept_temperature_in_sample"]
    seen.print(Console(width=200))
    assert capsys.readouterr().out.startswith(f"In-sample: {trained.path} was trained on this set")


def test_a_temperature_may_be_fitted_to_what_training_only_evaluated_on(own_model: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "heldout.jsonl", rows_labelled_by(str(own_model), 240, 24))
    sources = load_preferences(str(data), DataOptions()).sources
    inputs = {"train.jsonl": "sha256:1", **{f"eval: {name}": print_ for name, print_ in sources.items()}}
    trained = RunFolder.open(tmp_path / "trained", "train", {"dataset_split": "train"}, inputs)
    shutil.copytree(own_model, trained.path, dirs_exist_ok=True)
    trained.finish()
    fit = without_states(
        str(trained.path),
        fit_temperature=True,
        data=DataOptions(dataset_name=str(data)),
        run=quiet_run(tmp_path / "fit"),
    )
    run_evaluate(fit)
    assert "temperature" in json.loads((trained.path / "rewardsmith.json").read_text())


def test_a_members_temperature_is_not_fitted_to_what_its_ensemble_was_trained_on(
    own_model: Path, tmp_path: Path
) -> None:
    data = write_rows(tmp_path / "train.jsonl", rows_labelled_by(str(own_model), 240, 24))
    sources = load_preferences(str(data), DataOptions()).sources
    audit = RunFolder.open(tmp_path / "audit", "audit", {"dataset_split": "train"}, dict(sources))
    member = audit.path / "members" / "00"
    shutil.copytree(own_model, member)
    audit.finish()
    (audit.path / "members" / "manifest.json").write_text('{"name": "a web page"}')  # nearer, but no run of ours
    beside = Path(shutil.copytree(own_model, audit.path / "copied"))
    for folder, refused in ((member, True), (beside, False)):
        fit = without_states(
            str(folder),
            fit_temperature=True,
            data=DataOptions(dataset_name=str(data)),
            run=quiet_run(tmp_path / f"fit-{folder.name}"),
        )
        with pytest.raises(ConfigError, match="--eval_dataset_name") if refused else nullcontext():
            run_evaluate(fit)


def test_a_temperature_needs_a_folder_to_be_kept_in(reward_model: Path, tmp_path: Path) -> None:
    for path in (f"{reward_model},{reward_model}", "owner/name"):
        config = without_states(path, fit_temperature=True, run=quiet_run(tmp_path / "out"))
        with pytest.raises(ConfigError, match="`fit_temperature` keeps the temperature in the model's folder"):
            run_evaluate(config, some_rows(4))


def test_an_ensemble_keeps_the_temperature_of_its_aggregate(reward_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ensemble"
    shutil.copytree(reward_model, folder / "members" / "00")
    opposite_of(reward_model, folder / "members" / "01", factor=0.5)
    (folder / "ensemble.json").write_text(json.dumps({"members": ["members/00", "members/01"]}))
    rows = rows_labelled_by(str(folder), 240, 24, aggregate="min")
    least = ScoringOptions(aggregate="min")
    fit = without_states(str(folder), fit_temperature=True, scoring=least, run=quiet_run(tmp_path / "fit"))
    temperature = run_evaluate(fit, rows).metrics["eval_temperature"]
    score = ScoreConfig(str(folder), str(tmp_path / "p.parquet"), scoring=least, probabilities=True, run=QUIET)
    assert run_score(score, rows).metrics["temperature"] == temperature
    with pytest.raises(ModelError, match="carries no temperature for these rewards"):
        run_score(ScoreConfig(str(folder), str(tmp_path / "q.parquet"), probabilities=True, run=QUIET), rows)


def test_a_second_model_is_measured_on_the_same_pairs(reward_model: Path, tmp_path: Path) -> None:
    rows = rows_labelled_by(str(reward_model), 40, 8)
    other = opposite_of(reward_model, tmp_path / "opposite")
    config = without_states(str(reward_model), compare_to=str(other), run=quiet_run(tmp_path / "out"))
    result = run_evaluate(config, [*rows, {**rows[0], "weight": 0.0, "prompt": "another"}])
    found = result.metrics["comparison"]
    assert (found["num_only_first_right"], found["num_only_second_right"]) == (32, 8)
    assert found["accuracy_ties_half"]["difference"] == pytest.approx(0.6)
    alone = run_evaluate(without_states(str(other), run=quiet_run(tmp_path / "alone")), rows).metrics
    assert found["nll"]["second"] == pytest.approx(alone["eval_nll"], abs=1e-6)
    table = pq.read_table(tmp_path / "out" / "rewards.parquet")
    gap, compared = (table.column(name).to_numpy() for name in ("gap", "gap_compared"))
    np.testing.assert_allclose(gap, -compared, rtol=0, atol=1e-5)
    assert "Against the other model" in result._repr_html_()
    assert set(read_manifest(tmp_path / "out")["inputs"]) >= {"reward model", "compared model"}


def test_a_broken_second_model_is_told_before_any_work(reward_model: Path, tiny_llama: Path, tmp_path: Path) -> None:
    config = without_states(str(reward_model), compare_to=str(tiny_llama), run=quiet_run(tmp_path / "out"))
    with pytest.raises(ModelError, match="has 2 labels; a reward model has one"):
        run_evaluate(config, some_rows(4))
    assert not (tmp_path / "out").exists()


def test_any_kind_of_scorer_will_do_and_two_are_never_open_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[StubScorer] = []

    def load(name: str, *_: Any) -> StubScorer:
        assert all(scorer.closed for scorer in loaded)
        sign = 1 if name == names[0] else -1
        loaded.append(StubScorer(lambda response: sign * len(response), max_words=0, fingerprint=name))
        return loaded[-1]

    names = [str(tmp_path / "one"), str(tmp_path / "other")]
    for name in names:
        Path(name).mkdir()
    own = scorers.ScorerKind(names.__contains__, load)
    monkeypatch.setattr(scorers, "SCORER_KINDS", (own, *scorers.SCORER_KINDS))
    rows = some_rows(12)
    metrics = run_evaluate(without_states(names[0], compare_to=names[1], run=quiet_run(tmp_path / "out")), rows).metrics
    assert len(loaded) == 3 and all(scorer.closed for scorer in loaded)
    assert metrics["eval_accuracy"] == metrics["eval_length_accuracy"]
    assert metrics["num_conversations_cut"] == len({(row["prompt"], row[side]) for row in rows for side in SIDES})
    assert metrics["comparison"]["num_both_right"] == 0
