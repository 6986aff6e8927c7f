"""Frozen below, trained above."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.blocks import train_top_layers
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from tiny_architectures import save_tiny_model

ABOVE = {
    "llama": {"model.norm", "score"},
    "qwen3": {"model.norm", "score"},
    "gpt2": {"transformer.ln_f", "score"},
    "bert": {"bert.pooler.dense", "classifier"},
}
BLOCKS = {"llama": "model.layers", "qwen3": "model.layers", "gpt2": "transformer.h", "bert": "bert.encoder.layer"}


def reward_model(folder: Path, architecture: str) -> Any:
    source = resolve_model(str(save_tiny_model(folder, architecture)))
    return new_reward_model(source, load_tokenizer(source))


def trained_names(model: Any) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("architecture", ABOVE)
@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_the_top_blocks_and_what_is_above_are_trained(tmp_path: Path, architecture: str, num_layers: int) -> None:
    model = reward_model(tmp_path, architecture)
    train_top_layers(model, num_layers)
    beginnings = (*ABOVE[architecture], *(f"{BLOCKS[architecture]}.{2 - i}." for i in range(num_layers)))
    expected = {name for name, _ in model.named_parameters() if name.startswith(beginnings)}
    assert trained_names(model) == expected
    assert all(any(name.startswith(begin) for name in expected) for begin in beginnings)


def test_minus_one_trains_everything(tmp_path: Path) -> None:
    model = reward_model(tmp_path, "llama")
    train_top_layers(model, -1)
    assert len(trained_names(model)) == len(list(model.parameters()))


def test_adapters_of_frozen_blocks_are_frozen_too(tmp_path: Path) -> None:
    model = add_lora(reward_model(tmp_path, "llama"), LoraOptions(lora_r=2))
    train_top_layers(model, 1)
    names = trained_names(model)
    assert {name.split("layers.")[1][0] for name in names if "layers." in name} == {"2"}
    assert all("lora_" in name or "modules_to_save" in name for name in names)


def test_more_blocks_than_there_are_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`train_layers` 4: the model has 3 blocks"):
        train_top_layers(reward_model(tmp_path, "llama"), 4)
