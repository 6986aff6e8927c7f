"""Members of a forked model as folders that nothing but peft or transformers is needed to load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import LoraConfig, TaskType
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.tensor_files import write_tensors
from rewardsmith.models.loading.files import quiet_transformers
from rewardsmith.models.loading.lora import ADAPTER_WEIGHTS
from rewardsmith.models.loading.reward_models import EXTRA_FILE, save_reward_model
from rewardsmith.models.members.forked_model import ForkedModel, head_modules
from rewardsmith.models.members.layers import MemberDense, MemberLinear
from rewardsmith.tokens.encoding import tokens_check

PEFT_PREFIX = "base_model.model."


def save_member(forked: ForkedModel, member: int, tokenizer: Any, path: str | Path, extra: dict[str, Any]) -> None:
    """Writes a member as a peft adapter, as ``save_reward_model`` would if it had been trained alone."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / ADAPTER_WEIGHTS, _adapter_tensors(forked, member), {"format": "pt"})
    with quiet_transformers():
        _adapter_config(forked).save_pretrained(str(folder))
        tokenizer.save_pretrained(folder)
    write_json(folder / EXTRA_FILE, {**extra, "tokens_check": tokens_check(tokenizer)})


def save_merged_member(
    forked: ForkedModel, member: int, tokenizer: Any, path: str | Path, extra: dict[str, Any]
) -> None:
    """Writes a member as a plain sequence-classification model with its updates in the weights."""
    with as_member(forked, member) as model:
        save_reward_model(model, tokenizer, path, extra)


def save_members(forked: ForkedModel, tokenizer: Any, path: str | Path, extra: dict[str, Any]) -> list[str]:
    """Writes all members as adapters, ``00``, ``01``, ... below a folder; gives these names."""
    names = [f"{member:02d}" for member in range(forked.num_members)]
    for member, name in enumerate(names):
        save_member(forked, member, tokenizer, Path(path) / name, extra)
    return names


@contextmanager
def as_member(forked: ForkedModel, member: int) -> Iterator[Any]:
    """The sequence-classification model of one member, without copying what members share; forked again afterwards."""
    layers = _member_layers(forked)
    try:
        for name, layer in layers.items():
            forked.model.set_submodule(name, layer.merged(member))
        yield forked.model
    finally:
        for name, layer in layers.items():
            forked.model.set_submodule(name, layer)


def _member_layers(forked: ForkedModel) -> dict[str, MemberLinear | MemberDense]:
    """The members' layers by the name of the layer that they stand for."""
    modules = forked.model.named_modules()
    return {name: module for name, module in modules if isinstance(module, MemberLinear | MemberDense)}


def _adapter_tensors(forked: ForkedModel, member: int) -> dict[str, Tensor]:
    """Weights of a member under peft's names."""
    tensors = {}
    for name, layer in _member_layers(forked).items():
        if isinstance(layer, MemberLinear):
            tensors[f"{name}.lora_A.weight"] = layer.lora_a[member]
            tensors[f"{name}.lora_B.weight"] = layer.lora_b[member]
    with as_member(forked, member) as model:
        for head in head_modules(model):
            tensors |= model.get_submodule(head).state_dict(prefix=f"{head}.")
    return {PEFT_PREFIX + name: tensor for name, tensor in tensors.items()}


def _adapter_config(forked: ForkedModel) -> LoraConfig:
    adapted = {name: layer for name, layer in _member_layers(forked).items() if isinstance(layer, MemberLinear)}
    first = next(iter(adapted.values()))
    return LoraConfig(
        task_type=TaskType.SEQ_CLS,
        inference_mode=True,
        r=first.rank,
        lora_alpha=first.alpha,
        target_modules=sorted(adapted),  # whole names: the same layers of lower blocks have no adapter
        fan_in_fan_out=isinstance(first.base, Conv1D),
        modules_to_save=[head.rpartition(".")[2] for head in head_modules(forked.model)],
        base_model_name_or_path=forked.model.config.name_or_path,
        revision=getattr(forked.model, "base_revision", None),
    )
