"""Tensors are written like every other file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from rewardsmith.artifacts.files.tensor_files import write_tensors
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.lora import add_lora
from rewardsmith.models.loading.policies import load_policy, save_policy
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.options import LoraOptions
from tiny_architectures import save_tiny_model
from tiny_writers import save_tiny_writer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="other systems have no such access rights")


@pytest.fixture(params=[0o022, 0o002, 0o077], ids=oct, autouse=True)
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def rights(folder: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in folder.rglob("*") if file.is_file()}


def test_who_may_read_other_files_may_read_tensors(tmp_path: Path, mask: int) -> None:
    write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(3)})
    (tmp_path / "other").touch()
    assert rights(tmp_path) == {0o666 & ~mask}
    assert os.umask(mask) == mask


@pytest.mark.parametrize("adapted", [False, True])
def test_who_may_read_other_files_may_read_a_reward_model(tmp_path: Path, mask: int, adapted: bool) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path / "first", "llama")))
    model = new_reward_model(source, tokenizer := load_tokenizer(source))
    model = add_lora(model, LoraOptions(use_peft=True)) if adapted else model
    save_reward_model(model, tokenizer, tmp_path / "second", {})
    assert rights(tmp_path / "second") == {0o666 & ~mask}


def test_who_may_read_other_files_may_read_a_policy(tmp_path: Path, mask: int) -> None:
    save_policy(*load_policy(resolve_model(str(save_tiny_writer(tmp_path / "first")))), tmp_path / "second")
    assert rights(tmp_path / "second") == {0o666 & ~mask}
