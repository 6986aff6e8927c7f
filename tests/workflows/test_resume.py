"""A run that was interrupted ends as if it had not been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.training import loop, reward_training
from rewardsmith.engine.training.corrections.data_smoothing import SMOOTHED_LABELS
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.train import TrainResult, run_train
from tiny_reward_models import some_rows

SPEEDS = {"pairs_per_s", "tokens_per_s", "max_memory_gib"}

STEADY = {"lr_scheduler_type": "constant", "warmup_ratio": 0.0}


class Killed(BaseException):
    """Ends a run where it stands, as SIGKILL does: nothing catches it."""


def train(folder: Path, out: Path, rows: list[dict[str, Any]] | None = None, **options: Any) -> TrainResult:
    values = {
        "model_name_or_path": str(folder),
        "max_length": 128,
        "device": "cpu",
        "learning_rate": 3e-3,
        "max_steps": 12,
        "save_steps": 2,
        "logging_steps": 3,
        "output_dir": str(out),
        **options,
    }
    return run_train(build_config(TrainConfig, values), some_rows(24) if rows is None else rows)


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The run ends when this step's line of the log is written, after its optimiser step."""
    log = MetricsLog.log

    def killing(self: MetricsLog, **fields: Any) -> None:
        log(self, **fields)
        if fields["step"] == step:
            raise Killed

    monkeypatch.setattr(MetricsLog, "log", killing)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int, number: signal.Signals) -> None:
    """A signal to this process in a step of the next run that begins at its first one."""
    clip = RewardStep.clip
    num_calls = 0

    def interrupted(*arguments: Any) -> torch.Tensor:
        nonlocal num_calls
        num_calls += 1
        if num_calls == step:
            os.kill(os.getpid(), number)
        return clip(*arguments)

    monkeypatch.setattr(RewardStep, "clip", interrupted)


def steps_of(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


def lines_of(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in SPEEDS} for line in lines]


def labels_of(out: Path) -> list[dict[str, Any]]:
    """What ``--data_smoothing`` made of the labels; nothing without it."""
    file = out / SMOOTHED_LABELS
    return pq.read_table(file).to_pylist() if file.exists() else []


def assert_same(one: Path, other: Path, file: str = "model.safetensors") -> None:
    first, second = load_file(one / file), load_file(other / file)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_peft": True, "lora_dropout": 0.2, "selective_checkpointing": "on"},
        {"data_smoothing": 0.3, "batch_margin": 0.5, "norm_bt": True},
        {"contrastive": "swav", "contrast_queue_steps": 2, "max_tokens_per_batch": 400},
        {"eval_fraction": 0.2, "eval_steps": 1},
    ],
    ids=["full", "adapters", "learned corrections", "contrastive", "measured on the way"],
)
def test_killed_twice_and_resumed_equals_uninterrupted(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    whole = train(tiny_llama, tmp_path / "whole", **options)
    for step in (3, 9):
        with monkeypatch.context() as patch:
            kill_at(patch, step)
            with pytest.raises(Killed):
                train(tiny_llama, tmp_path / "killed", **options)
    assert steps_of(tmp_path / "killed") == ["step-000006", "step-000008"]
    resumed = train(tiny_llama, tmp_path / "killed", **options)
    file = "adapter_model.safetensors" if "use_peft" in options else "model.safetensors"
    assert_same(tmp_path / "whole", tmp_path / "killed", file)
    assert labels_of(tmp_path / "whole") == labels_of(tmp_path / "killed")
    assert lines_of(tmp_path / "whole") == lines_of(tmp_path / "killed")
    assert resumed.metrics["num_steps"] == whole.metrics["num_steps"] == 12
    assert not (tmp_path / "killed" / "checkpoints").exists()


def test_a_damaged_checkpoint_costs_only_the_steps_since_the_one_before(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny_llama, tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_at(patch, 9)
        with pytest.raises(Killed):
            train(tiny_llama, tmp_path / "killed")
    file = tmp_path / "killed/checkpoints/step-000008/optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    train(tiny_llama, tmp_path / "killed")
    said = capsys.readouterr().err
    assert "step-000008 cannot be used (optimizer.safetensors changed)" in said and "after 6 steps" in said
    assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_ctrl_c_and_sigterm_save_the_step_they_come_in(
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    raised: type[BaseException],
) -> None:
    train(tiny_llama, tmp_path / "whole")
    before = signal.getsignal(number)  # a background job ignores Ctrl-C
    with monkeypatch.context() as patch, pytest.raises(raised):
        interrupt_at(patch, 5, number)
        train(tiny_llama, tmp_path / "stopped")
    assert steps_of(tmp_path / "stopped") == ["step-000004", "step-000005"]
    assert signal.getsignal(number) is before
    train(tiny_llama, tmp_path / "stopped")
    assert_same(tmp_path / "whole", tmp_path / "stopped")


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = RewardStep.loss
    num_calls = 0

    def spoiled(*arguments: Any) -> Any:
        nonlocal num_calls
        num_calls += 1
        output = loss(*arguments)
        if num_calls == 7:
            output.item_losses[2] = output.loss.data.fill_(torch.nan)
        return output

    monkeypatch.setattr(RewardStep, "loss", spoiled)
    with pytest.raises(RunError, match=r"step 7: the loss .* for 1 of 8 pairs: row \d+ .*step-000006, is whole"):
        train(tiny_llama, tmp_path / "rm")
    assert steps_of(tmp_path / "rm") == ["step-000004", "step-000006"]


def test_pairs_of_another_process_are_named_where_the_gradient_of_all_is_not_finite(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RewardStep, "clip", lambda *_: torch.tensor(torch.nan))
    monkeypatch.setattr(
        loop, "gather_object", lambda mine: [*mine, "row 99"]
    )  # the other one has one pair, the guilty one
    with pytest.raises(RunError, match=r"step 1: the loss .* for 1 of 9 pairs: row 99"):
        train(tiny_llama, tmp_path / "rm")


def test_another_number_of_pairs_in_a_step_is_another_run(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_at(monkeypatch, 3)
    with pytest.raises(Killed):
        train(tiny_llama, tmp_path / "rm")
    monkeypatch.undo()
    state = tmp_path / "rm/checkpoints/step-000002/state.json"
    sums = state.with_name("checksums.json")
    sums.write_text("{}")  # as if the options had been others: RunFolder would refuse them first
    content = json.loads(state.read_text())
    content["work"]["pairs in a step"] = 16
    state.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="pairs in a step 16 -> 8"):
        train(tiny_llama, tmp_path / "rm")


def test_labels_of_other_pairs_are_not_taken_up(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smooth = {"data_smoothing": 0.3, "num_train_epochs": 4.0}
    kill_at(monkeypatch, 3)
    with pytest.raises(Killed):
        train(tiny_llama, tmp_path / "rm", **smooth)
    monkeypatch.undo()
    read = reward_training.encode_pairs

    def renamed(*arguments: Any, **named: Any) -> Any:
        pairs = read(*arguments, **named)
        return replace(pairs, pair_id=pairs.pair_id[::-1])  # RunFolder would refuse other pairs first

    monkeypatch.setattr(reward_training, "encode_pairs", renamed)
    with pytest.raises(ConfigError, match="labels of sha256:"):
        train(tiny_llama, tmp_path / "rm", **smooth)


def test_no_checkpoints_if_none_are_wanted(tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_at(monkeypatch, 9)
    with pytest.raises(Killed):
        train(tiny_llama, tmp_path / "rm", save_steps=0)
    assert not (tmp_path / "rm" / "checkpoints").exists()


def test_the_last_checkpoints_can_be_averaged_also_after_a_kill(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    states = [load_file(Path(train(tiny_llama, tmp_path / str(n), max_steps=n, **STEADY).path) / "model.safetensors")
              for n in (8, 10, 12)]  # fmt: skip
    with monkeypatch.context() as patch:
        kill_at(patch, 9)
        with pytest.raises(Killed):
            train(tiny_llama, tmp_path / "mean", average_checkpoints=3, **STEADY)
    train(tiny_llama, tmp_path / "mean", average_checkpoints=3, **STEADY)
    assert "mean of 3 states" in capsys.readouterr().err
    mean = load_file(tmp_path / "mean" / "model.safetensors")
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, torch.stack([state[name] for state in states]).mean(0))


def test_an_interruption_changes_nothing_in_the_mean(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"average_checkpoints": 3, **STEADY}
    train(tiny_llama, tmp_path / "whole", **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_at(patch, 11, signal.SIGINT)
        train(tiny_llama, tmp_path / "stopped", **options)
    assert steps_of(tmp_path / "stopped")[-1] == "step-000011"
    train(tiny_llama, tmp_path / "stopped", **options)
    assert_same(tmp_path / "whole", tmp_path / "stopped")


def killed_training(folder: Path, out: Path, num_kills: int, seed: int) -> list[int]:
    data = out / "prefs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in some_rows(24)))
    script = Path(__file__).with_name("killed_training.py")
    command = [sys.executable, str(script), str(folder), str(data), str(out), str(num_kills), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    steps: list[int] = json.loads(done.stdout.splitlines()[-1])
    return steps


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
@pytest.mark.slow
def test_killed_twenty_times_at_random_moments_equals_uninterrupted(tiny_llama: Path, tmp_path: Path) -> None:
    steps = killed_training(tiny_llama, tmp_path, num_kills=20, seed=1)
    assert steps == sorted(steps) and steps[-1] > 0
    assert_same(tmp_path / "whole", tmp_path / "killed", "adapter_model.safetensors")
    assert lines_of(tmp_path / "whole") == lines_of(tmp_path / "killed")
