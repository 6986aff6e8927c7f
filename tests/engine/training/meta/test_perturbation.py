"""How far each part is moved, and what of that can be had back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rewardsmith.engine.training.meta.meta_step import head_of
from rewardsmith.engine.training.meta.perturbation import Perturbation, parts_of
from rewardsmith.models.layers.effective_weights import adapted_weights
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions


def two_tensors() -> nn.ParameterDict:
    """With gradients of 10 times each other's length, and one tensor that has none."""
    module = nn.ParameterDict(
        {
            "long": nn.Parameter(torch.tensor([3.0, 4.0])),
            "short": nn.Parameter(torch.tensor([[0.6], [0.8]])),
            "still": nn.Parameter(torch.ones(3)),
            "zero": nn.Parameter(torch.zeros(2)),
        }
    )
    module["long"].grad, module["short"].grad = torch.tensor([0.0, 2.0]), torch.tensor([[20.0], [0.0]])
    module["zero"].grad = torch.tensor([1.0, 0.0])
    return module


def moved(unit: Any, size: float = 0.1) -> dict[str, list[float]]:
    module = two_tensors()
    before = {name: tensor.detach().clone() for name, tensor in module.items()}
    Perturbation(module, size, unit).apply()
    return {name: (tensor.detach() - before[name]).flatten().tolist() for name, tensor in module.items()}


def test_relative_each_tensor_moves_by_a_share_of_its_own_length() -> None:
    assert moved("relative")["long"] == pytest.approx([0.0, 0.5])
    assert moved("relative")["short"] == pytest.approx([0.1, 0.0])
    assert moved("relative")["zero"] == [0.0, 0.0]
    assert moved("relative", -0.1)["long"] == pytest.approx([0.0, -0.5])


def test_global_all_move_by_a_share_of_the_length_of_all() -> None:
    changes = moved("global")
    every = torch.tensor([value for change in changes.values() for value in change])
    assert every.norm().item() == pytest.approx(0.1 * (25 + 1 + 3) ** 0.5, rel=1e-5)
    assert changes["short"][0] / changes["long"][1] == pytest.approx(10.0, rel=1e-5)


def test_plain_is_the_gradient_times_the_size() -> None:
    assert moved("plain")["long"] == pytest.approx([0.0, 0.2])
    assert moved("plain")["zero"] == pytest.approx([0.1, 0.0])


@pytest.mark.parametrize("unit", ["relative", "global", "plain"])
def test_a_part_without_a_gradient_stays(unit: Any) -> None:
    assert moved(unit)["still"] == [0.0, 0.0, 0.0]


def test_restored_are_the_very_bits() -> None:
    module = two_tensors()
    module["long"].data.mul_(1 / 3)
    before = [tensor.detach().clone() for tensor in module.values()]
    move = Perturbation(module, 0.1, "relative")
    move.apply()
    assert not torch.equal(module["long"], before[0])
    move.restore()
    assert all(torch.equal(tensor, own) for tensor, own in zip(module.values(), before, strict=True))


def test_what_the_gradient_promises_and_its_cosine_with_a_later_one() -> None:
    module = two_tensors()
    move = Perturbation(module, 0.1, "relative")
    assert move.rise.item() == pytest.approx(0.5 * 2 + 0.1 * 20)
    move.apply()
    module.zero_grad()
    for tensor in module.values():
        tensor.grad = torch.ones_like(tensor)
    # `zero` has not moved, so nothing is known of it.
    assert move.cosine().item() == pytest.approx((2 + 20) / (4 + 400) ** 0.5 / 4**0.5, rel=1e-5)


def test_size_zero_copies_nothing() -> None:
    module = two_tensors()
    move = Perturbation(module, 0.0, "relative")
    assert not move.moves_anything
    move.apply()
    assert module["long"].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("size", [1e-3, 1e-2])
def test_adapters_move_the_weight_that_they_make(tiny_llama: Path, size: float) -> None:
    source = resolve_model(str(tiny_llama))
    model = add_lora(new_reward_model(source, load_tokenizer(source)), LoraOptions(lora_r=4))
    weights = list(adapted_weights(model))
    generator = torch.Generator().manual_seed(0)
    for weight in weights:
        weight.up.data.copy_(torch.randn(weight.up.shape, generator=generator) / 10)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
    parts = parts_of(model)
    trained = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    assert sorted(id(tensor) for part in parts for tensor in part.tensors) == sorted(trained)
    before = [(w.base + w.scale * w.up @ w.down).detach() for w in weights]
    Perturbation(model, size, "relative").apply()
    after = [(w.base + w.scale * w.up @ w.down).detach() for w in weights]
    shares = [((b - a).norm() / a.norm()).item() for a, b in zip(before, after, strict=True)]
    assert shares == pytest.approx([size] * len(weights), rel=0.1)  # to first order


@pytest.mark.parametrize("lora", [False, True])
def test_the_head_is_the_one_that_is_trained(tiny_llama: Path, lora: bool) -> None:
    source = resolve_model(str(tiny_llama))
    model = new_reward_model(source, load_tokenizer(source))
    model = add_lora(model, LoraOptions(lora_r=4)) if lora else model

    class Holder:
        def __init__(self) -> None:
            self.model = model

    (weight,) = head_of(Holder())
    assert weight.requires_grad and weight.shape == (1, 32)
