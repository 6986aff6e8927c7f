"""Pairs that are not learned from, measured while a model trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.engine.batches.batch_forms import PaddedForm
from rewardsmith.engine.batches.model_inputs import PaddedInputs
from rewardsmith.engine.scoring.local_scorer import LocalScorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.held_out import HeldOut, HeldOutWatch
from rewardsmith.engine.training.loop import Moment
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.reward_step import reward_step
from rewardsmith.engine.training.reward_training import train_reward_model
from rewardsmith.errors import DataError, RunError
from rewardsmith.evaluation.reward_benchmark import benchmark_rewards
from rewardsmith.models.layers.heads import RewardOutput
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows

OTHERS = [
    *some_rows(13, seed=1),
    {**some_rows(1, seed=2)[0], "target": 0.2},
    {**some_rows(1, seed=3)[0], "target": 0.5},
    {"prompt": "one", "chosen": "two", "rejected": "two"},
    {**some_rows(1, seed=4)[0], "weight": 0.0},
]


def trained(
    folder: Path, out: Path, every: int, others: list[dict[str, Any]] = OTHERS, lora: bool = False, **changes: Any
) -> tuple[Any, ConversationEncoder, list[dict[str, Any]]]:
    """The model, its encoder, and the lines of the log."""
    usual = {"learning_rate": 3e-3, "max_steps": 6, "logging_steps": 3, "dropout": 0.2, "selective_checkpointing": "on"}
    options = TrainOptions(**{**usual, **changes})
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model, encoder = new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 128)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if lora:
            model = add_lora(model, LoraOptions(lora_r=4, lora_dropout=0.2))
        train_reward_model(
            model,
            encoder,
            pair_table(some_rows(24)),
            options,
            make_accelerator("cpu"),
            reward_step,
            log=MetricsLog(out),
            held_out=HeldOut(pair_table(others), every) if every else None,
        )
    return model, encoder, [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("packing", ["auto", "off"])
def test_the_last_measurement_is_what_an_evaluation_finds(tiny_llama: Path, tmp_path: Path, packing: str) -> None:
    model, encoder, lines = trained(tiny_llama, tmp_path / "log", 2, packing=packing, max_tokens_per_batch=150)
    measured = [line for line in lines if "eval_loss" in line]
    assert [line["step"] for line in measured] == [2, 4, 6]
    found = benchmark_rewards(LocalScorer(model, encoder, 64, "cpu"), pair_table(OTHERS)).metrics
    assert measured[-1]["eval_accuracy"] == found["eval_accuracy"]
    assert measured[-1]["eval_loss"] == pytest.approx(found["eval_nll"], abs=1e-5)
    assert measured[0]["eval_loss"] != measured[-1]["eval_loss"]
    assert measured[-1].keys() == {"step", "epoch", "eval_accuracy", "eval_loss"} and measured[-1]["epoch"] == 2


@pytest.mark.parametrize("lora", [False, True], ids=["full", "adapters with dropout"])
def test_training_goes_on_as_if_nobody_had_looked(tiny_llama: Path, tmp_path: Path, lora: bool) -> None:
    watched, _, lines = trained(tiny_llama, tmp_path / "watched", 1, lora=lora)
    alone, _, plain = trained(tiny_llama, tmp_path / "alone", 0, lora=lora)
    assert all(torch.equal(one, other) for one, other in zip(watched.parameters(), alone.parameters(), strict=True))
    assert [line["loss"] for line in lines if "loss" in line] == [line["loss"] for line in plain]
    assert sum("eval_loss" in line for line in lines) == 6


def test_labels_that_decide_nothing_have_a_loss_and_no_accuracy(tiny_llama: Path, tmp_path: Path) -> None:
    ties = [{**row, "target": 0.5} for row in some_rows(2)]
    _, _, lines = trained(tiny_llama, tmp_path / "log", 6, ties)
    assert lines[-1]["eval_accuracy"] is None and lines[-1]["eval_loss"] >= 0.69


class Diverged(torch.nn.Module):
    """Gives the second conversation of each batch no number."""

    def forward(self, inputs: PaddedInputs) -> RewardOutput:
        rewards = torch.zeros(inputs.num_responses)
        rewards[1] = torch.nan
        return RewardOutput(rewards, torch.zeros(inputs.num_responses, 1))


def test_rewards_that_are_no_numbers_are_told_by_row(tiny_llama: Path) -> None:
    encoder = ConversationEncoder(load_tokenizer(resolve_model(str(tiny_llama))), 128)
    held_out = HeldOut(pair_table(some_rows(8)), every=2)
    watch = HeldOutWatch(held_out, encoder, PaddedForm(pad_id=3), 10_000, make_accelerator("cpu"))
    watch(Moment(1, 0.1, Diverged(), None))
    with pytest.raises(RunError, match=r"step 2: 1 of 8 pairs held out got .* not a finite number: row \d \(pair-\d"):
        watch(Moment(2, 0.2, Diverged(), None))


def test_pairs_of_weight_zero_alone_are_refused_before_training(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all 1 that are held out have weight 0"):
        trained(tiny_llama, tmp_path / "log", 1, [{**some_rows(1)[0], "weight": 0.0}])


def test_a_run_that_ends_before_a_measurement_says_so(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, lines = trained(tiny_llama, tmp_path / "log", 3, max_steps=2)
    assert not any("eval_loss" in line for line in lines)
    assert "`eval_steps` 3 measures nothing on the way: the run has 2 steps." in capsys.readouterr().err
