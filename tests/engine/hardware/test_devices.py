"""bfloat16 on a CPU is used where it gains, for training only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rewardsmith.engine.hardware import devices
from rewardsmith.engine.hardware.devices import bf16_pays, cpu_gain
from rewardsmith.engine.members.forked_training import train_forked
from rewardsmith.engine.training.accelerators import computes_in_bf16, make_accelerator
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.reward_step import reward_step
from rewardsmith.engine.training.reward_training import train_reward_model
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_reward_models import pair_table, some_rows


def test_without_a_gain_it_says_so_and_stays_in_float32(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices, "cpu_gain", lambda: 0.9)
    assert make_accelerator("cpu", bf16=True).mixed_precision == "no"
    assert "0.9 times the speed of float32; staying in float32" in capsys.readouterr().err


@pytest.mark.parametrize("decided", [False, True])
def test_an_interrupted_run_goes_on_in_the_precision_it_began_with(
    monkeypatch: pytest.MonkeyPatch, decided: bool
) -> None:
    monkeypatch.setattr(devices, "cpu_gain", lambda: 0.5 if decided else 3.0)
    assert computes_in_bf16(make_accelerator("cpu", True, {"bf16": decided})) == decided


@pytest.mark.parametrize(("device", "bf16"), [("cpu", False), ("cuda", True)])
def test_nothing_is_measured_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch, device: str, bf16: bool) -> None:
    monkeypatch.delattr(devices, "cpu_gain")
    assert bf16_pays(device, bf16) == bf16


def test_the_measurement_ends_in_float32() -> None:
    cpu_gain.cache_clear()
    assert 0 < cpu_gain() < 1000
    assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.parametrize("forked", [False, True], ids=["one model", "forked members"])
def test_it_rounds_the_trunk_and_neither_weights_nor_rewards(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, forked: bool
) -> None:
    monkeypatch.setattr(devices, "cpu_gain", lambda: 3.0)
    exact, rounded = (weights_and_loss(tiny_llama, forked, bf16) for bf16 in (False, True))
    assert {weight.dtype for weight in rounded[0]} == {torch.float32}
    # A loss of 0.7 in numbers of eight bits, rounded in every layer; three steps of Adam move no weight further.
    assert 0 < max((a - b).abs().max() for a, b in zip(exact[0], rounded[0], strict=True)) < 0.02
    assert rounded[1] == pytest.approx(exact[1], abs=0.02) and rounded[1] != exact[1]
    assert float(torch.tensor(rounded[1]).bfloat16()) != rounded[1]


def weights_and_loss(folder: Path, forked: bool, bf16: bool) -> tuple[list[torch.Tensor], float]:
    options = TrainOptions(learning_rate=1e-3, per_device_train_batch_size=4, bf16=bf16)
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    model, encoder, pairs = new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 128), some_rows(12)
    if forked:
        weights = np.ones((12, 2), dtype=np.float32)
        outcome = train_forked(model, encoder, pair_table(pairs), weights, 1, LoraOptions(lora_r=4), options)
        return [weight.detach() for weight in outcome.forked.member_parameters.values()], float(
            outcome.training.last["loss"]
        )
    accelerator = make_accelerator("cpu", bf16)
    outcome = train_reward_model(model, encoder, pair_table(pairs), options, accelerator, reward_step).outcome
    return [weight.detach() for weight in model.parameters()], float(outcome.last["loss"])
