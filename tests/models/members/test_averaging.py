"""The mean of reward models is a reward model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import compute_rewards
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora, merge_lora
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.members.averaging import average_reward_models
from rewardsmith.models.options import LoraOptions
from tiny_architectures import save_tiny_model


def save_member(trunk: Path, folder: Path, seed: int, lora: bool = False, **extra: Any) -> Path:
    """A reward model whose trainable weights were moved at random."""
    source = resolve_model(str(trunk))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer)
    if lora:
        model = add_lora(model, LoraOptions(lora_r=2))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    save_reward_model(model, tokenizer, folder, extra)
    return folder


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("trunk"), "llama")


def test_every_weight_is_the_mean(trunk: Path, tmp_path: Path) -> None:
    folders = [save_member(trunk, tmp_path / str(seed), seed, max_length=64) for seed in range(3)]
    average_reward_models(folders, tmp_path / "mean")
    members = [load_file(folder / "model.safetensors") for folder in folders]
    mean = load_file(tmp_path / "mean" / "model.safetensors")
    assert mean.keys() == members[0].keys()
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, torch.stack([member[name] for member in members]).mean(0))
    assert load_reward_model(str(tmp_path / "mean"))[2]["max_length"] == 64


def test_the_mean_of_equal_models_is_the_same_to_the_bit(trunk: Path, tmp_path: Path) -> None:
    folder = save_member(trunk, tmp_path / "one", 0)
    average_reward_models([folder] * 3, tmp_path / "mean")
    one, mean = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "mean"))
    assert all(torch.equal(one[name], mean[name]) for name in one)


def test_adapters_are_averaged_as_the_weights_they_make(trunk: Path, tmp_path: Path) -> None:
    folders = [save_member(trunk, tmp_path / str(seed), seed, lora=True) for seed in range(2)]
    average_reward_models(folders, tmp_path / "mean")
    merged = [merge_lora(load_reward_model(str(folder))[0]).state_dict() for folder in folders]
    mean = load_reward_model(str(tmp_path / "mean"))[0]
    for name, tensor in mean.state_dict().items():
        torch.testing.assert_close(tensor, (merged[0][name] + merged[1][name]) / 2)
    ids = {"input_ids": torch.arange(4, 20)[None], "attention_mask": torch.ones(1, 16, dtype=torch.long)}
    assert torch.isfinite(compute_rewards(mean, ids)).all()


@pytest.mark.parametrize(("extra", "named"), [({"max_length": 32}, "max_length"), ({}, "num_key_value_heads|hidden")])
def test_models_that_do_not_belong_together_are_refused(
    trunk: Path, tmp_path: Path, extra: dict[str, Any], named: str
) -> None:
    first = save_member(trunk, tmp_path / "a", 0, **({"max_length": 64} if extra else {}))
    other = trunk if extra else save_tiny_model(tmp_path / "gemma", "gemma")
    second = save_member(other, tmp_path / "b", 1, **extra)
    with pytest.raises(ModelError, match=f"cannot be averaged: they differ in .*({named})"):
        average_reward_models([first, second], tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_one_model_is_no_mean(trunk: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="at least two"):
        average_reward_models([trunk], tmp_path / "mean")
