"""What the options of training do to a reward model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.autograd.profiler import profile

from rewardsmith.engine.batches.batch_forms import batch_form
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs, encode_pairs
from rewardsmith.engine.batches.reward_module import RewardModule
from rewardsmith.engine.training import recomputation
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.loop import TrainOutcome
from rewardsmith.engine.training.options import TrainOptions, check_options
from rewardsmith.engine.training.pair_source import PairSource
from rewardsmith.engine.training.reward_step import RewardStep, reward_step
from rewardsmith.engine.training.reward_training import train_reward_model
from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.dropout import dropout_sites
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows


def trained(folder: Path, lora: bool = False, **changes: Any) -> dict[str, torch.Tensor]:
    options = TrainOptions(**{"learning_rate": 3e-3, **changes})
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if lora:
            model = add_lora(model, LoraOptions(lora_r=4, lora_dropout=0.2))
        encoder = ConversationEncoder(tokenizer, 128)
        train_reward_model(model, encoder, pair_table(some_rows(24)), options, make_accelerator("cpu"), reward_step)
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def smoothed(folder: Path, rows: list[dict[str, Any]], **changes: Any) -> tuple[TrainOutcome, EncodedPairs]:
    options = TrainOptions(**{"learning_rate": 3e-3, "lr_scheduler_type": "constant", "warmup_ratio": 0.0, **changes})
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model, encoder = new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 128)
    done = train_reward_model(model, encoder, pair_table(rows), options, make_accelerator("cpu"), reward_step)
    return done.outcome, done.step.labels(done.pairs)


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    return max((one[name] - other[name]).abs().max().item() for name in one)


NOTHING, CHEAP = {"selective_checkpointing": "off"}, {"selective_checkpointing": "on"}


@pytest.mark.parametrize("lora", [False, True], ids=["full", "adapters with dropout"])
@pytest.mark.parametrize("packing", ["auto", "off"])
@pytest.mark.parametrize("less", [CHEAP, {"gradient_checkpointing": True}], ids=["cheap", "all"])
def test_recomputed_activations_teach_the_same(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, lora: bool, packing: str, less: dict[str, Any]
) -> None:
    kept = trained(tiny_llama, lora, packing=packing, **NOTHING)
    calls = []
    checkpoint = recomputation.checkpoint
    monkeypatch.setattr(
        recomputation, "checkpoint", lambda *given, **named: calls.append(1) or checkpoint(*given, **named)
    )
    recomputed = trained(tiny_llama, lora, packing=packing, **less)
    assert len(calls) >= 6
    assert largest_difference(kept, recomputed) == 0.0


def bytes_kept(model: Any, again: recomputation.Again) -> int:
    """What a forward pass leaves in memory for the backward pass."""
    with recomputation.recomputed_blocks(model, again), profile(profile_memory=True) as watched:
        output = model(input_ids=torch.arange(4, 64)[None], use_cache=False)
    assert output.logits.requires_grad
    return sum(event.self_cpu_memory_usage for event in watched.function_events)


def test_recomputing_keeps_less(tiny_llama: Path) -> None:
    source = resolve_model(str(tiny_llama))
    model = new_reward_model(source, load_tokenizer(source)).train()
    nothing, cheap, everything = (bytes_kept(model, again) for again in ("nothing", "cheap", "all"))
    assert everything < 0.3 * nothing
    assert everything < cheap < 0.7 * nothing
    assert not any("forward" in vars(module) for module in model.modules())


def test_frozen_layers_stay_and_the_top_learns_on(tiny_llama: Path) -> None:
    before = trained(tiny_llama, learning_rate=1e-30)
    after = trained(tiny_llama, train_layers=1)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    top = {name for name in before if "layers.1." in name or name in ("model.norm.weight", "score.weight")}
    assert moved == top


def test_smoothed_labels_settle_at_what_the_pairs_say_together(tiny_llama: Path) -> None:
    """The same pair eight times, once the other way round: seven eighths for each, and the odd one against."""
    [pair] = some_rows(1)
    odd = {**pair, "chosen": pair["rejected"], "rejected": pair["chosen"]}
    outcome, pairs = smoothed(tiny_llama, [pair] * 7 + [odd], max_steps=200, data_smoothing=0.02)
    # 200 steps at beta 0.02 leave 2 % of the way to go, for the odd one a longer one; plain labels would be far off.
    assert pairs.target[:7] == pytest.approx(7 / 8, abs=0.03)
    assert pairs.target[7] == pytest.approx(1 / 8, abs=0.04)
    assert outcome.last["label_change"] == pytest.approx((7 * 1 / 8 + 7 / 8) / 8, abs=0.03)
    assert outcome.last["accuracy"] == 7 / 8


def test_smoothing_memorises_random_labels_less(tiny_llama: Path) -> None:
    rows = some_rows(16)
    plain, given = smoothed(tiny_llama, rows, max_steps=40)
    soft, learned = smoothed(tiny_llama, rows, max_steps=40, data_smoothing=0.5)
    assert given.target.tolist() == [1.0] * 16
    assert plain.last["gap_mean"] is not None and soft.last["gap_mean"] is not None
    assert soft.last["gap_mean"] < 0.5 * plain.last["gap_mean"]
    assert (learned.target < 0.98).all()


def test_a_margin_of_its_own_widens_the_gaps(tiny_llama: Path) -> None:
    rows = [{**row, "target": 0.9} for row in some_rows(4)]
    outcome, _ = smoothed(tiny_llama, rows, max_steps=50, per_device_train_batch_size=4, batch_margin=0.5)
    margin = outcome.last["batch_margin"]
    assert margin is not None and margin > 0.5
    # A target of 0.9 takes 2 * 0.9 - 1 of the margin. Adam keeps circling, and the running mean lags behind the last
    # gap; without that factor the gap would be off by 0.4, without a margin by 0.9.
    assert outcome.last["gap_mean"] == pytest.approx(math.log(9) + 0.8 * margin, abs=0.1)
    assert margin == pytest.approx(0.5 * outcome.last["gap_mean"], abs=0.1)


def test_dropout_does_not_ask_how_a_step_is_cut(tiny_llama: Path) -> None:
    whole = trained(tiny_llama, dropout=0.2, per_device_train_batch_size=12)
    parts = {"per_device_train_batch_size": 3, "gradient_accumulation_steps": 4, "max_tokens_per_batch": 120}
    assert largest_difference(whole, trained(tiny_llama, dropout=0.2, **parts)) < 2e-5
    assert largest_difference(whole, trained(tiny_llama, **parts)) > 1e-3


def test_two_processes_drop_what_one_drops(tiny_llama: Path) -> None:
    source = resolve_model(str(tiny_llama))
    tokenizer = load_tokenizer(source)
    model, encoder = new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 128)
    pairs = encode_pairs(encoder, pair_table(some_rows(8)), quiet=True)

    def gradient(num_processes: int, rate: float, number: int) -> torch.Tensor:
        """Of one optimiser step, added up over its micro-batches in all processes."""
        form = batch_form(model, encoder, dropout=rate > 0)
        model.zero_grad()
        with dropout_sites(model, rate, seed=0) as dropout:
            step, module = RewardStep(), RewardModule(model, dropout).train()
            module.begin(number)
            for process in range(num_processes):
                share = {"process": process, "num_processes": num_processes}
                for batch in next(PairSource(pairs, form, pairs_per_step=8, seed=0, **share).steps())[1]:
                    torch.autograd.backward(step.loss(module, batch).loss)
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])

    one = gradient(1, 0.2, 3)
    torch.testing.assert_close(gradient(2, 0.2, 3), one, rtol=1e-4, atol=1e-5 * one.abs().max().item())
    for other in (gradient(1, 0.2, 4), gradient(1, 0.0, 3)):
        assert (other - one).abs().max() > 0.05 * one.abs().max()


@pytest.mark.parametrize("rate", [-0.1, 1.0, math.nan])
def test_dropout_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=f"`dropout` {rate} must be at least 0"):
        check_options(TrainOptions(dropout=rate))


@pytest.mark.parametrize("name", ["data_smoothing", "batch_margin"])
@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan])
def test_corrections_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"`{name}` {value} must be between 0"):
        check_options(TrainOptions(**{"num_train_epochs": 2.0, name: value}))


def test_smoothing_in_a_single_pass_is_refused_or_said_to_be_idle(
    tiny_llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="`num_train_epochs` 1.0 has no next"):
        check_options(TrainOptions(data_smoothing=0.5))
    smoothed(tiny_llama, some_rows(16), max_steps=2, data_smoothing=0.5)
    assert "`data_smoothing` 0.5 changes nothing" in capsys.readouterr().err
    smoothed(tiny_llama, some_rows(16), max_steps=3, data_smoothing=0.5)
    assert "changes nothing" not in capsys.readouterr().err
