"""What ``rewardsmith evaluate`` measures beside the labels: states, samples of a policy, second labels."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.engine.scoring import open_scorer as scorers
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.unlabelled.samples import SampleSet, load_samples
from rewardsmith.workflows.evaluate import run_evaluate
from rewardsmith.workflows.inputs import sample_files
from rewardsmith.workflows.options.evaluate import EvaluateConfig
from stub_scorer import StubScorer
from tiny_reward_models import sample_rows, some_rows
from untrained_models import opposite_of, quiet_run, save_untrained


@pytest.fixture(scope="module")
def reward_model(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_untrained(tiny_llama, tmp_path_factory.mktemp("reward-model"))


def test_states_are_described_drawn_and_the_same_for_a_seed(reward_model: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        config = EvaluateConfig(str(reward_model), state_pairs=12, run=quiet_run(tmp_path / name))
        found.append(run_evaluate(config, some_rows(24)).metrics["states"])
    assert found[0] == found[1] and found[0] is not None
    assert (found[0]["num_pairs"], found[0]["num_dimensions"], found[0]["collapse"]) == (12, 32, None)
    maps = [pq.read_table(tmp_path / name / "states.parquet") for name in ("one", "two")]
    assert maps[0].equals(maps[1]) and maps[0].num_rows == 12
    assert "What the head reads" in (tmp_path / "one" / "report.html").read_text()


def test_states_of_two_models_stand_side_by_side(reward_model: Path, tmp_path: Path) -> None:
    other = opposite_of(reward_model, tmp_path / "opposite")
    config = EvaluateConfig(str(reward_model), compare_to=str(other), run=quiet_run(tmp_path / "out"))
    result = run_evaluate(config, some_rows(12))
    assert result.metrics["comparison"]["states"] == result.metrics["states"], "another head reads the same states"
    maps = pq.read_table(tmp_path / "out" / "states.parquet")
    assert maps["other_tsne_2"].to_pylist() == maps["other_tsne_2_compared"].to_pylist()
    assert (tmp_path / "out" / "report.html").read_text().count('<figure id="states-') == 2


def test_samples_are_measured_beside_the_pairs(
    reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_reads = 0

    def counted(*given: Any) -> SampleSet:
        nonlocal num_reads
        num_reads += 1
        return load_samples(*given)

    monkeypatch.setattr(sample_files, "load_samples", counted)
    other = opposite_of(reward_model, tmp_path / "opposite")
    rows = sample_rows(6, 3)
    write_jsonl(tmp_path / "samples.jsonl", [*rows, {**rows[0], "responses": ["one alone"], "gold": [1.0]}])
    config = EvaluateConfig(
        str(reward_model),
        compare_to=str(other),
        state_pairs=0,
        samples_file=str(tmp_path / "samples.jsonl"),
        run=quiet_run(tmp_path / "out"),
    )
    result = run_evaluate(config, some_rows(12))
    found, beside = result.metrics["samples"], result.metrics["comparison"]["samples"]
    assert found and (found["num_prompts"], found["num_quarantined"], found["dataset"]) == (6, 1, "samples")
    assert num_reads == 1
    accuracy = beside["differences"]["gold_accuracy"]
    assert accuracy["first"] == found["gold_accuracy"]["value"] == pytest.approx(1 - accuracy["second"])
    assert len((tmp_path / "out" / "samples_quarantine.jsonl").read_text().splitlines()) == 1
    assert "samples.jsonl" in " ".join(read_manifest(tmp_path / "out")["inputs"])
    assert "What would it choose?" in (tmp_path / "out" / "report.html").read_text()
    console = Console(width=80, file=StringIO())
    result.print(console)
    assert "18 responses to 6 prompts of samples." in console.file.getvalue()  # type: ignore[attr-defined]


def test_second_labels_are_measured_on_the_same_pairs(reward_model: Path, tmp_path: Path) -> None:
    rows, other = some_rows(12), opposite_of(reward_model, tmp_path / "opposite")
    others = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows[:3]]
    write_jsonl(tmp_path / "second.jsonl", [*others, *rows[3:10]])
    rows[9]["weight"] = 0.0
    config = EvaluateConfig(
        str(reward_model),
        compare_to=str(other),
        state_pairs=0,
        second_labels=str(tmp_path / "second.jsonl"),
        run=quiet_run(tmp_path / "out"),
    )
    result = run_evaluate(config, rows)
    found, beside = result.metrics["second_labels"], result.metrics["comparison"]["second_labels"]
    assert found and (found["num_covered"], found["num_pairs"], found["num_both"]) == (10, 9, 6)
    assert beside["both"]["first"] == found["both"]["value"] == pytest.approx(1 - beside["both"]["second"])
    assert "second.jsonl" in " ".join(read_manifest(tmp_path / "out")["inputs"])
    assert "By second labels" in (tmp_path / "out" / "report.html").read_text()
    console = Console(width=100, file=StringIO())
    result.print(console)
    assert "second has labels of 83% of the pairs" in console.file.getvalue()  # type: ignore[attr-defined]


def test_rows_that_only_one_of_two_models_takes_are_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(place: int) -> StubScorer:
        scorer = StubScorer(len, fingerprint=str(place))
        monkeypatch.setattr(scorer, "refusals", lambda given: {0: "no"} if given[0][0]["content"] == str(place) else {})
        return scorer

    names = [str(tmp_path / str(place)) for place in range(2)]
    for name in names:
        Path(name).mkdir()
    own = scorers.ScorerKind(names.__contains__, lambda name, *_: refusing(names.index(name)))
    monkeypatch.setattr(scorers, "SCORER_KINDS", (own, *scorers.SCORER_KINDS))
    write_jsonl(tmp_path / "samples.jsonl", [{"prompt": str(i), "responses": ["a", "bb"]} for i in range(3)])
    config = EvaluateConfig(
        names[0],
        compare_to=names[1],
        state_pairs=0,
        samples_file=str(tmp_path / "samples.jsonl"),
        run=quiet_run(tmp_path / "out"),
    )
    found = run_evaluate(config, some_rows(4)).metrics
    assert found["samples"] and (found["samples"]["num_prompts"], found["samples"]["num_quarantined"]) == (1, 2)
    assert found["comparison"]["samples"]["num_prompts"] == 1
    kept = [json.loads(line) for line in (tmp_path / "out" / "samples_quarantine.jsonl").read_text().splitlines()]
    assert [row["row"] for row in kept] == [0, 1]


def test_states_are_left_out_where_there_are_none_or_none_are_wanted(reward_model: Path, tmp_path: Path) -> None:
    both = f"{reward_model},{reward_model}"
    several = run_evaluate(EvaluateConfig(both, run=quiet_run(tmp_path / "several")), some_rows(12))
    unwanted = run_evaluate(
        EvaluateConfig(str(reward_model), state_pairs=0, run=quiet_run(tmp_path / "unwanted")), some_rows(12)
    )
    assert several.metrics["states"] is unwanted.metrics["states"] is None
    assert not list(tmp_path.glob("*/states.parquet"))


@pytest.mark.parametrize("number", [-1, 2001])
def test_a_number_of_states_that_cannot_be_compared_is_refused(reward_model: Path, tmp_path: Path, number: int) -> None:
    config = EvaluateConfig(str(reward_model), state_pairs=number, run=quiet_run(tmp_path / "out"))
    with pytest.raises(ConfigError, match=f"--state_pairs {number} must be between 0 and 2,000"):
        run_evaluate(config, some_rows(4))
