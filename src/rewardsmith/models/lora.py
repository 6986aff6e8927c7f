"""Low-rank adapters through peft. The reward head is always trained and always saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel, TaskType, get_peft_model
from safetensors import safe_open
from transformers import AutoModelForSequenceClassification

from rewardsmith.errors import ModelError
from rewardsmith.models.embedded import ModelSource, local_source, resolve_model
from rewardsmith.models.files import as_model_error, loading_arguments, quiet_transformers, refuse_pickled_weights
from rewardsmith.models.heads import head_names
from rewardsmith.models.options import LoraOptions

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def add_lora(model: Any, options: LoraOptions) -> Any:
    """The model with adapters on its linear layers; those and the head are trained, the rest is frozen.

    BERT's pooler counts as head: checkpoints often lack it, and a frozen random one could not be reloaded.
    """
    heads = [*head_names(model), *pooler_names(model)]
    targets: str | list[str] = options.lora_target_modules
    if targets != "all-linear":
        targets = [name.strip() for name in options.lora_target_modules.split(",") if name.strip()]
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=targets,
        exclude_modules=[f"{name}.dense" for name in pooler_names(model)] or None,
        modules_to_save=heads,
        base_model_name_or_path=model.config.name_or_path,
        revision=getattr(model, "base_revision", None),
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(f"--lora_target_modules {options.lora_target_modules}: {error}") from error


def pooler_names(model: Any) -> list[str]:
    """``pooler`` for a backbone that has one with weights."""
    pooler = getattr(getattr(model, model.base_model_prefix, None), "pooler", None)
    return ["pooler"] if pooler is not None and any(True for _ in pooler.parameters()) else []


def load_adapter(folder: Path, source: ModelSource) -> Any:
    """The reward model of a peft folder: its base, found by name, with the saved adapters and head on it."""
    with as_model_error(source, "adapter"):
        config = PeftConfig.from_pretrained(str(folder))
    if not config.base_model_name_or_path:
        raise ModelError(f"{source.name} does not say which model its adapter belongs to (base_model_name_or_path).")
    base = local_source(resolve_model(config.base_model_name_or_path, config.revision))
    refuse_pickled_weights(base)
    with quiet_transformers(), as_model_error(base, "model"):
        model = AutoModelForSequenceClassification.from_pretrained(
            base.path_or_id, num_labels=1, **loading_arguments(base, torch.float32)
        )
    refuse_adapter_without_head(folder, source, head_names(model))
    with as_model_error(source, "adapter"):
        return PeftModel.from_pretrained(model, str(folder), use_safetensors=True)


def refuse_adapter_without_head(folder: Path, source: ModelSource, heads: list[str]) -> None:
    """Raises ``ModelError`` where the head was not saved: the rewards would be those of a random one."""
    with as_model_error(source, "adapter"), safe_open(str(folder / ADAPTER_WEIGHTS), framework="pt") as weights:
        parts = {part for key in weights.keys() for part in key.split(".")}  # noqa: SIM118 - not a dict
    lost = [name for name in heads if name not in parts]
    if lost:
        raise ModelError(f"{source.name} was saved without its head ({', '.join(lost)}), so it gives no reward.")


def merge_lora(model: Any) -> Any:
    """The same rewards without adapters: a plain sequence-classification model."""
    return model.merge_and_unload()
