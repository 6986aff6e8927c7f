"""``rewardsmith evaluate``: from a reward model and a set to numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.artifacts.run_folder import read_manifest
from rewardsmith.cli.main import main
from rewardsmith.errors import ConfigError
from rewardsmith.models.embedded import resolve_model
from rewardsmith.models.loading import load_reward_model, load_tokenizer, new_reward_model, save_reward_model
from rewardsmith.workflows.evaluate import run_evaluate
from rewardsmith.workflows.options import EvaluateConfig, ScoringOptions
from tiny_reward_models import some_rows


@pytest.fixture(scope="module")
def reward_model(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved reward model that has learned nothing."""
    folder = tmp_path_factory.mktemp("reward-model")
    source = resolve_model(str(tiny_llama))
    tokenizer = load_tokenizer(source)
    save_reward_model(new_reward_model(source, tokenizer, seed=0), tokenizer, folder, {"max_length": 128})
    return folder


def quiet_run(path: Path) -> RunOptions:
    return RunOptions(output_dir=str(path), quiet=True)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_command_writes_numbers_and_rewards(
    reward_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "prefs.jsonl", some_rows(24))
    out = tmp_path / "out"
    words = ["evaluate", str(data), "--reward_model_path", str(reward_model), "--output_dir", str(out)]
    assert main([*words, "--quiet", "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    summary = json.loads(printed[-1])
    assert summary["eval_num_pairs"] == 24 and summary["num_conversations_cut"] == 0
    assert printed[0].startswith(f"Accuracy {summary['eval_accuracy']:.4f} [")
    assert json.loads((out / "metrics.json").read_text())["eval_accuracy"] == summary["eval_accuracy"]
    table = pq.read_table(out / "rewards.parquet")
    assert (table.column("gap").to_numpy() > 0).mean() == summary["eval_accuracy"]
    assert set(read_manifest(out)["inputs"]) == {str(data), "reward model"}


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
    model, tokenizer, extra = load_reward_model(str(reward_model))
    model.score.weight.data *= -1
    save_reward_model(model, tokenizer, tmp_path / "opposite", extra)
    both, rows = f"{reward_model},{tmp_path / 'opposite'}", some_rows(8)
    means = {}
    for aggregate in ("mean", "min"):
        scoring = ScoringOptions(aggregate=aggregate)  # type: ignore[arg-type]
        config = EvaluateConfig(reward_model_path=both, scoring=scoring, run=quiet_run(tmp_path / aggregate))
        means[aggregate] = run_evaluate(config, rows).metrics["eval_mean_reward"]
    assert means["mean"] == pytest.approx(0.0, abs=1e-6) and means["min"] < -0.01


def test_model_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--reward_model_path is missing"):
        run_evaluate(EvaluateConfig(run=quiet_run(tmp_path)), some_rows(4))


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
