"""``rewardsmith train``: from rows to a folder that others can load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.runs import run_folder
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.cli.main import main
from rewardsmith.contracts.metrics.train import EvaluatedTrainMetrics, TrainMetrics
from rewardsmith.engine.scoring.local_scorer import load_local_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.errors import ConfigError, DataError, ModelError, OutputError, RunError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.report.terminal import flags
from rewardsmith.tokens.batching import pad_batch
from rewardsmith.workflows import train as train_workflow
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.train import TrainResult, run_train
from tiny_reward_models import some_rows


class Killed(BaseException):
    """Ends a run where it stands, as SIGKILL does: nothing catches it."""


def train(folder: Path, out: Path, rows: list[dict[str, Any]] | None = None, **options: Any) -> TrainResult:
    values = {
        "model_name_or_path": str(folder),
        "max_length": 128,
        "device": "cpu",
        "learning_rate": 3e-3,
        "output_dir": str(out),
        "quiet": True,
        **options,
    }
    return run_train(build_config(TrainConfig, values), some_rows(24) if rows is None else rows)


def test_saved_model_overfits_and_plain_transformers_agrees(tiny_llama: Path, tmp_path: Path) -> None:
    rows = some_rows(16)
    result = train(tiny_llama, tmp_path / "rm", rows, max_steps=30, lr_scheduler_type="constant")
    assert (result.metrics["train_accuracy"], result.metrics["num_epochs"]) == (1.0, 15.0)
    table = load_preferences(rows, DataOptions()).table
    chosen, rejected = pair_conversations(table)
    scorer = load_local_scorer(result.path, ScoringOptions(device="cpu"))
    gaps = scorer.score(chosen).rewards - scorer.score(rejected).rewards
    assert (gaps > 0).all()
    plain = AutoModelForSequenceClassification.from_pretrained(result.path)
    batch = pad_batch(scorer.encoder.encode_many(chosen), plain.config.pad_token_id)
    del batch["response_mask"]
    with torch.inference_mode():
        rewards = plain(**batch).logits[:, 0].numpy()
    np.testing.assert_allclose(rewards, scorer.score(chosen).rewards, atol=1e-4)


def test_a_loss_that_stays_at_that_of_constant_rewards_ends_with_what_to_look_at(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = train(tiny_llama, tmp_path / "idle", max_steps=4, learning_rate=1e-12)
    assert idle.advice is not None and "(1e-12; " in idle.advice
    idle.print(Console(width=80))
    assert " ".join(capsys.readouterr().out.split()).endswith(flags(idle.advice))
    assert idle.advice.startswith("The loss stayed near 0.693, that of rewards which are all alike")
    rows = [{**row, "margin": 0.2} for row in some_rows(24)]
    margins = train(tiny_llama, tmp_path / "margins", rows, max_steps=4, learning_rate=1e-12)
    assert margins.advice and margins.advice.startswith("The loss stayed near 0.798")
    learned = train(tiny_llama, tmp_path / "rm", some_rows(16), max_steps=30, lr_scheduler_type="constant")
    assert learned.advice is None


def test_a_reward_model_is_trained_on_from_where_it_stands(tiny_llama: Path, tmp_path: Path) -> None:
    rows = some_rows(16)
    first = train(tiny_llama, tmp_path / "first", rows, max_steps=30, lr_scheduler_type="constant")
    again = train(Path(first.path), tmp_path / "second", rows, max_steps=1, learning_rate=1e-30, seed=8)
    assert again.metrics["train_accuracy"] == 1.0
    weights = [load_file(Path(result.path) / "model.safetensors") for result in (first, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_folder_says_what_it_is(tiny_llama: Path, tmp_path: Path) -> None:
    result = train(tiny_llama, tmp_path / "rm", logging_steps=1)
    manifest = read_manifest(result.path)
    assert manifest["verb"] == "train" and manifest["config"]["learning_rate"] == 3e-3
    assert {"config.json", "model.safetensors", "tokenizer.json", "metrics.json", "metrics.jsonl"} <= set(
        manifest["outputs"]
    )
    assert json.loads((tmp_path / "rm" / "rewardsmith.json").read_text())["max_length"] == 128
    assert len((tmp_path / "rm" / "metrics.jsonl").read_text().splitlines()) == result.metrics["num_steps"] == 3
    assert read_metrics(tmp_path / "rm", TrainMetrics) == result.metrics
    assert result.summary()["train_pairs_per_s"] > 0


def test_same_seed_gives_the_same_file(tiny_llama: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        train(tiny_llama, tmp_path / name, seed=seed)
    first, again, other = (load_file(tmp_path / name / "model.safetensors") for name in "abc")
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["score.weight"], other["score.weight"])


def test_lora_trains_and_saves_adapters_and_head(tiny_llama: Path, tmp_path: Path) -> None:
    rows = some_rows(16)
    result = train(tiny_llama, tmp_path / "rm", rows, use_peft=True, max_steps=60, learning_rate=5e-3)
    saved = load_file(tmp_path / "rm" / "adapter_model.safetensors")
    assert any("score" in name for name in saved) and any("lora_B" in name for name in saved)
    chosen, rejected = pair_conversations(load_preferences(rows, DataOptions()).table)
    scorer = load_local_scorer(result.path, ScoringOptions(device="cpu"))
    assert (scorer.score(chosen).rewards > scorer.score(rejected).rewards).all()


def test_held_out_groups_are_evaluated_with_the_saved_model(tiny_llama: Path, tmp_path: Path) -> None:
    rows = [{**row, "context": "as was said"} for row in some_rows(40)]
    result = train(tiny_llama, tmp_path / "rm", rows, eval_fraction=0.25)
    m = result.metrics
    assert m["columns_not_read"] == {"context": 40}
    assert m["num_pairs"] + m["eval_num_pairs"] == 40 and m["eval_num_pairs"] >= 10
    assert m["eval_num_prompts_trained_on"] == 0
    assert read_metrics(tmp_path / "rm", EvaluatedTrainMetrics) == m


def test_evaluation_set_that_shares_prompts_is_noticed(tiny_llama: Path, tmp_path: Path) -> None:
    rows = some_rows(12)
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in rows[:4]))
    result = train(tiny_llama, tmp_path / "rm", rows, eval_dataset_name=str(other))
    assert result.metrics["eval_num_prompts_trained_on"] == 1
    assert "eval: " + str(other) in read_manifest(result.path)["inputs"]


def test_interrupted_run_leaves_no_model_and_the_same_command_finishes(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rm"
    save = train_workflow.save_reward_model

    def killed_while_saving(*given: Any) -> None:
        save(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(train_workflow, "save_reward_model", killed_while_saving)
    with pytest.raises(KeyboardInterrupt):
        train(tiny_llama, out, logging_steps=1)
    assert not (out / "config.json").exists() and not (out / "manifest.json").exists()
    with pytest.raises(ValueError, match="Unrecognized model"):
        AutoModelForSequenceClassification.from_pretrained(out)
    monkeypatch.undo()
    result = train(tiny_llama, out, logging_steps=1)
    assert len((out / "metrics.jsonl").read_text().splitlines()) == result.metrics["num_steps"]
    assert not (out / ".saving").exists()
    fresh = train(tiny_llama, tmp_path / "fresh", logging_steps=1)
    heads = [load_file(Path(path) / "model.safetensors")["score.weight"] for path in (out, fresh.path)]
    assert torch.equal(*heads)


def test_diverged_run_saves_nothing(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a finite number"):
        train(tiny_llama, tmp_path / "rm", learning_rate=1e25)
    assert not (tmp_path / "rm" / "config.json").exists()


def test_finished_folder_is_not_overwritten_unasked(tiny_llama: Path, tmp_path: Path) -> None:
    train(tiny_llama, tmp_path / "rm")
    with pytest.raises(OutputError, match="overwrite"):
        train(tiny_llama, tmp_path / "rm")
    train(tiny_llama, tmp_path / "rm", overwrite=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eval_fraction": 1.0}, "--eval_fraction 1.0"),
        ({"eval_fraction": 0.1, "eval_dataset_name": "x"}, "exclude each other"),
        ({"eval_steps": 5}, "--eval_steps 5 has no pairs to measure on"),
        ({"eval_steps": -1, "eval_fraction": 0.1}, "--eval_steps -1"),
        ({"learning_rate": 0.0}, "`learning_rate` 0.0"),
        ({"per_device_train_batch_size": 0}, "`per_device_train_batch_size` 0"),
        ({"max_steps": 0}, "`max_steps` 0"),
        ({"num_train_epochs": 0.0}, "`num_train_epochs` 0.0"),
        ({"warmup_ratio": 1.5}, "`warmup_ratio` 1.5"),
        ({"train_layers": -2}, "`train_layers` -2"),
        ({"save_steps": -1}, "`save_steps` -1"),
        ({"save_total_limit": 0}, "`save_total_limit` 0"),
        ({"average_checkpoints": 2, "save_steps": 0}, "`average_checkpoints` 2"),
        ({"report_to": "tensorflow"}, "`report_to` tensorflow"),
        ({"center_rewards_coefficient": -1.0}, "`center_rewards_coefficient` -1.0"),
    ],
)
def test_impossible_options_are_refused_by_name(
    tiny_llama: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(tiny_llama, tmp_path / "rm", **options)


def test_nothing_to_learn_from_is_said(tiny_llama: Path, tmp_path: Path) -> None:
    rows = [{**row, "weight": 0.0} for row in some_rows(4)]
    with pytest.raises(DataError, match="of 4 pairs 4 have weight 0"):
        train(tiny_llama, tmp_path / "rm", rows)


def test_pairs_that_are_not_learned_from_are_named(tiny_llama: Path, tmp_path: Path) -> None:
    rows = some_rows(24)
    rows[5]["chosen"] += "cat dog bird " * 40
    rows[7]["weight"] = 0.0
    result = train(tiny_llama, tmp_path / "rm", rows, on_long_pair="leave_out")
    named = [json.loads(line) for line in (tmp_path / "rm" / "left_out.jsonl").read_text().splitlines()]
    assert [(pair["row"], pair["reason"]) for pair in named] == [(5, "too long"), (7, "weight 0")]
    assert result.metrics["num_pairs"] == 22 and result.metrics["num_too_long"] == 1
    assert result.metrics["truncated_share"] == 0.0


def test_bad_rows_are_set_aside_with_their_reason(tiny_llama: Path, tmp_path: Path) -> None:
    rows = [*some_rows(8), {"prompt": "p", "chosen": "", "rejected": "x"}]
    result = train(tiny_llama, tmp_path / "rm", rows)
    [bad] = (tmp_path / "rm" / "quarantine.jsonl").read_text().splitlines()
    assert json.loads(bad)["row"] == 8 and result.metrics["num_pairs"] == 8


def test_command_prints_one_json_line_last(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "prefs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in some_rows(8)))
    words = ["train", str(data), "--model_name_or_path", str(tiny_llama), "--output_dir", str(tmp_path / "rm")]
    assert main([*words, "--device", "cpu", "--max_length", "128", "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["num_pairs"] == 8


def test_a_wrong_option_leaves_nothing_in_the_way_of_the_right_one(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder that exists"):
        train(tmp_path / "nowhere" / "at all", tmp_path / "rm")
    assert not (tmp_path / "rm").exists()
    with pytest.raises(DataError, match="`max_tokens_per_batch` 3 is too few"):
        train(tiny_llama, tmp_path / "rm", max_tokens_per_batch=3)
    train(tiny_llama, tmp_path / "rm")


def test_what_was_trained_is_not_trained_again_after_a_kill_behind_the_last_step(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tiny_llama, tmp_path / "whole", eval_fraction=0.3)

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(train_workflow, "benchmark_rewards", killed)
        train(tiny_llama, tmp_path / "rm", eval_fraction=0.3)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(run_folder, "fingerprint_file", killed)
        train(tiny_llama, tmp_path / "rm", eval_fraction=0.3)
    [kept] = (tmp_path / "rm" / "checkpoints").iterdir()
    assert int(kept.name.removeprefix("step-")) == whole.metrics["num_steps"]
    monkeypatch.setattr(RewardStep, "loss", killed)
    again = train(tiny_llama, tmp_path / "rm", eval_fraction=0.3)
    assert again.metrics["eval_nll"] == whole.metrics["eval_nll"]
    assert again.metrics["train_loss"] == whole.metrics["train_loss"]
    assert not (tmp_path / "rm" / "checkpoints").exists()


def test_a_model_that_cannot_be_saved_leaves_its_training(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise RunError("no space left.")

    monkeypatch.setattr(train_workflow, "save_reward_model", full)
    with pytest.raises(RunError, match=r"no space left\. The last checkpoint, .*step-000003, is whole"):
        train(tiny_llama, tmp_path / "rm")
