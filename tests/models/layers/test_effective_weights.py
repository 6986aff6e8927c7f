"""Norms of W0 + s B A against the products themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from rewardsmith.models.layers.effective_weights import LowRankWeight, adapted_weights
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from tiny_architectures import save_tiny_model


def low_rank(scale: float = 0.5, transposed: bool = False) -> LowRankWeight:
    generator = torch.Generator().manual_seed(0)
    base, down, up = (torch.randn(*shape, generator=generator) for shape in ((6, 5), (2, 5), (6, 2)))
    return LowRankWeight(base.T.contiguous() if transposed else base, down, up, scale, transposed)


@pytest.mark.parametrize("transposed", [False, True])
def test_the_norm_is_that_of_the_product(transposed: bool) -> None:
    weight = low_rank(transposed=transposed)
    base = weight.base.T if transposed else weight.base
    expected = (base + weight.scale * weight.up @ weight.down).norm()
    assert weight.norm().item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_change_is_the_derivative_of_the_product() -> None:
    weight = low_rank()
    down, up = (torch.randn_like(tensor) for tensor in (weight.down, weight.up))
    expected = weight.scale * (up @ weight.down + weight.up @ down)
    assert weight.norm_of_change(down, up).item() == pytest.approx(expected.norm().item(), rel=1e-5)


def test_an_adapter_that_cancels_its_layer_leaves_nothing() -> None:
    base = torch.eye(2)
    assert LowRankWeight(base, -base, base, 1.0).norm().item() == 0.0


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert"])
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning")  # GPT-2's Conv1D; peft corrects it
def test_adapters_of_a_model_are_found_with_their_layers(architecture: str, tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, architecture)))
    model = add_lora(new_reward_model(source, load_tokenizer(source)), LoraOptions(lora_r=4))
    found = list(adapted_weights(model))
    for weight in found:
        nn.init.normal_(weight.up)
    norms = [weight.norm().item() for weight in found]
    model.merge_and_unload()  # into the very tensors that were frozen
    assert len(found) > 3 and norms == pytest.approx([weight.base.norm().item() for weight in found], rel=1e-4)
