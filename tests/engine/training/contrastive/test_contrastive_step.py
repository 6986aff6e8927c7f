"""Contrastive training of a small reward model: what it depends on, what it does not, and what it does."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from five_subjects import HalfBlindReward, pairs_of

from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.contrastive.contrast import SimCSE
from rewardsmith.engine.training.contrastive.contrastive_options import ContrastiveOptions, check_contrastive
from rewardsmith.engine.training.contrastive.contrastive_step import ContrastiveStep, contrastive_step
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.reward_step import RewardStep
from rewardsmith.engine.training.reward_training import Trained, train_reward_model
from rewardsmith.errors import ConfigError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows

WIDTH = 32
ROUNDING = 2e-4
"""Adam divides by the size of a gradient, so rounding of the smallest ones shows; a wrong one moves by 3e-3 a step."""
PARTS = {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 2, "max_tokens_per_batch": 160}
METHODS = [
    {"contrastive": "simcse"},
    {"contrastive": "simcse", "contrast_on": "differences", "symmetric_contrast": True},
    {"contrastive": "swav", "contrast_queue_steps": 2},
    {"contrastive": "swav", "contrast_on": "differences"},
]
every_method = pytest.mark.parametrize("method", METHODS, ids=["simcse", "simcse-diff", "swav", "swav-diff"])


def train(
    folder: Path, method: dict[str, Any], rows: list[dict[str, Any]] | None = None, lora: bool = False, **changes: Any
) -> tuple[dict[str, torch.Tensor], Trained[RewardStep]]:
    contrastive = ContrastiveOptions(**{"contrast_dropout": 0.2, **method})
    dropout = contrastive.contrast_dropout if contrastive.num_views == 2 else 0.2
    defaults = {"learning_rate": 3e-3, "per_device_train_batch_size": 6, "max_tokens_per_batch": 4096}
    options = TrainOptions(**{**defaults, "dropout": dropout, **changes})
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model, encoder = new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 128)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if lora:
            model = add_lora(model, LoraOptions(lora_r=4, lora_dropout=0.2))
        done = train_reward_model(
            model,
            encoder,
            pair_table(some_rows(12) if rows is None else rows),
            options,
            make_accelerator("cpu"),
            lambda pairs, options: contrastive_step(pairs, options, contrastive, WIDTH),
            num_views=contrastive.num_views,
        )
    return {name: parameter.detach() for name, parameter in model.named_parameters()}, done


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max((one[name] - other[name]).abs().max().item() for name in one)


@every_method
def test_the_cut_of_a_step_changes_nothing(tiny_llama: Path, method: dict[str, Any]) -> None:
    whole, done = train(tiny_llama, method)
    parts, cut = train(tiny_llama, method, **PARTS)
    assert largest_difference(whole, parts) < ROUNDING
    assert cut.outcome.last["contrastive_loss"] == pytest.approx(done.outcome.last["contrastive_loss"], rel=1e-4)
    assert done.outcome.last["alignment"] > 1e-3  # type: ignore[operator] # views differ


def test_copies_that_fill_up_a_process_are_not_contrasted() -> None:
    accelerator = make_accelerator("cpu")
    [_, batch], *_ = pairs_of(accelerator, num_views=2).steps()
    gradients = []
    for batches in (batch, [*batch, replace(batch[0], weight=torch.zeros_like(batch[0].weight))]):
        model = HalfBlindReward()
        step = ContrastiveStep(contrast=SimCSE("pairs", 0.1), coefficient=1.0)
        step.gradient(model, batches, accelerator)
        gradients.append(model.worth.weight.grad)
    torch.testing.assert_close(*gradients)


def test_packed_equals_padded(tiny_llama: Path) -> None:
    all_pairs = {"per_device_train_batch_size": 12, "num_train_epochs": 2.0}  # else other ones would share a step
    packed, _ = train(tiny_llama, METHODS[0], **all_pairs)
    padded, _ = train(tiny_llama, METHODS[0], packing="off", **all_pairs)
    assert largest_difference(packed, padded) < ROUNDING


@pytest.mark.parametrize(
    ("cut", "less"),
    [({}, {"gradient_checkpointing": True}), (PARTS, {"selective_checkpointing": "on"})],
    ids=["one pass", "two passes"],
)
def test_adapters_with_dropout_learn_the_same_where_activations_are_recomputed(
    tiny_llama: Path, cut: dict[str, Any], less: dict[str, Any]
) -> None:
    kept, _ = train(tiny_llama, METHODS[0], lora=True, selective_checkpointing="off", **cut)
    again, _ = train(tiny_llama, METHODS[0], lora=True, **cut, **less)
    assert largest_difference(kept, again) == 0.0


def test_a_step_says_once_how_often_the_model_runs(tiny_llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny_llama, METHODS[0])
    assert capsys.readouterr().err.count("the model runs once") == 1
    train(tiny_llama, METHODS[0], **PARTS)
    assert capsys.readouterr().err.count("the model runs twice") == 1


@pytest.mark.parametrize("method", [METHODS[0], METHODS[2]], ids=["simcse", "swav"])
def test_weights_of_pairs_leave_the_contrast_alone(tiny_llama: Path, method: dict[str, Any]) -> None:
    rows = some_rows(6)
    weighted = [{**row, "weight": 0.1 + i % 3} for i, row in enumerate(rows)]
    losses = [train(tiny_llama, method, rows=given)[1].outcome.last for given in (rows, weighted)]
    assert losses[0]["contrastive_loss"] == pytest.approx(losses[1]["contrastive_loss"], rel=1e-6)
    assert losses[0]["loss"] != pytest.approx(losses[1]["loss"], rel=1e-3)


def test_without_a_coefficient_two_views_teach_as_their_mean(tiny_llama: Path) -> None:
    """And without dropout as one: the preference part alone is the plain step."""
    two = ContrastiveOptions(contrastive="simcse", contrastive_coefficient=0.0, contrast_dropout=1e-9)
    silent, done = train(tiny_llama, vars(two))
    plain, _ = train(tiny_llama, {}, dropout=0.0)
    assert done.outcome.last["alignment"] == pytest.approx(0.0, abs=1e-6)
    assert largest_difference(silent, plain) < 5e-5


@pytest.mark.slow
def test_views_differ_and_the_contrast_draws_them_together_and_others_apart(tiny_llama: Path) -> None:
    changes = {"max_steps": 10, "per_device_train_batch_size": 8}
    figures = {}
    for coefficient in (0.0, 1.0):
        method = {**METHODS[0], "contrastive_coefficient": coefficient}
        figures[coefficient] = train(tiny_llama, method, **changes)[1].outcome.last
    without, contrasted = figures[0.0], figures[1.0]
    assert without["alignment"] is not None and without["alignment"] > 1e-3
    assert contrasted["contrastive_loss"] < 0.5 * without["contrastive_loss"]  # type: ignore[operator]
    assert contrasted["uniformity"] < without["uniformity"] - 0.3  # type: ignore[operator]
    assert contrasted["collapsed"] == 0.0


def test_a_collapse_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    step = ContrastiveStep(contrast=SimCSE("pairs", 0.05), coefficient=1.0)
    step.watch.look(torch.ones(6, 2, 2, 4), num_runs=1)
    assert step.watch.figures()["collapsed"] == 1.0
    assert "nearly one point" in capsys.readouterr().err
    step.watch.figures()
    assert "nearly one point" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"contrastive_coefficient": 0.5}, "`contrastive_coefficient` 0.5 belongs to a contrast"),
        ({"contrastive": "simcse", "num_prototypes": 5}, "`num_prototypes` 5 belongs to `contrastive` swav"),
        ({"contrastive": "swav", "symmetric_contrast": True}, "`symmetric_contrast` True belongs to `contrastive` sim"),
        ({"contrastive": "simcse", "contrast_dropout": 0.0}, "`contrast_dropout` 0.0 must be above 0"),
        ({"contrastive": "simcse", "contrast_dropout": 1.0}, "`contrast_dropout` 1.0 must be above 0"),
        ({"contrastive": "simcse", "contrast_temperature": 0.0}, "`contrast_temperature` 0.0 must be above 0"),
        ({"contrastive": "simcse", "contrastive_coefficient": math.nan}, "`contrastive_coefficient` nan must not"),
        ({"contrastive": "simcse", "contrastive_coefficient": -1.0}, "`contrastive_coefficient` -1.0 must not be"),
        ({"contrastive": "swav", "num_prototypes": 1}, "`num_prototypes` 1 must be at least 2"),
        ({"contrastive": "swav", "contrast_queue_steps": -1}, "`contrast_queue_steps` -1 must not be negative"),
    ],
)
def test_options_that_no_run_can_have_or_would_read_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_contrastive(ContrastiveOptions(**given), TrainOptions())


def test_a_contrast_of_states_that_stay_is_refused() -> None:
    with pytest.raises(ConfigError, match="`contrastive` simcse is about the states, and with `train_layers` 0"):
        check_contrastive(ContrastiveOptions(contrastive="simcse"), TrainOptions(train_layers=0))


def test_two_kinds_of_dropout_are_refused() -> None:
    with pytest.raises(ConfigError, match="`dropout` 0.1: the two views drop as `contrast_dropout` says"):
        check_contrastive(ContrastiveOptions(contrastive="simcse"), TrainOptions(dropout=0.1))
    check_contrastive(ContrastiveOptions(), TrainOptions(dropout=0.1))


def test_defaults_follow_the_method() -> None:
    simcse, swav, differences = (
        ContrastiveOptions(**given)
        for given in ({"contrastive": "simcse"}, {"contrastive": "swav"}, METHODS[3])  # type: ignore[arg-type]
    )
    assert (simcse.coefficient, simcse.temperature) == (1.0, 0.05)
    assert (swav.coefficient, swav.temperature, swav.prototypes) == (0.1, 0.1, 50)
    assert (differences.coefficient, differences.temperature, differences.prototypes) == (0.5, 0.1, 20)
