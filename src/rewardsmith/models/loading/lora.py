"""Low-rank adapters through peft. The reward head is always trained and always saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peft import LoraConfig, PeftConfig, PeftModel, TaskType, get_peft_model
from safetensors import safe_open

from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import head_names
from rewardsmith.models.loading.embedded import ModelSource, local_source, resolve_model
from rewardsmith.models.loading.files import as_model_error, quiet_peft, refuse_bad_files
from rewardsmith.models.loading.reward_models import (
    holds_adapter,
    load_one_output_model,
    load_reward_model,
    save_reward_model,
)
from rewardsmith.models.options import LoraOptions

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def add_lora(model: Any, options: LoraOptions) -> Any:
    """The model with adapters on its linear layers; those and the head are trained, the rest is frozen.

    BERT's pooler counts as head: checkpoints often lack it, and a frozen random one could not be reloaded.
    """
    heads = [*head_names(model), *pooler_names(model)]
    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=target_modules(options),
        exclude_modules=[f"{name}.dense" for name in pooler_names(model)] or None,
        modules_to_save=heads,
        base_model_name_or_path=model.config.name_or_path,
        revision=getattr(model, "base_revision", None),
    )
    try:
        with quiet_peft():
            return get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(f"`lora_target_modules` {options.lora_target_modules}: {error}") from error


def target_modules(options: LoraOptions) -> str | list[str]:
    """The layers that get adapters, as peft takes them."""
    named = options.lora_target_modules
    return named if named == "all-linear" else [name.strip() for name in named.split(",") if name.strip()]


def pooler_names(model: Any) -> list[str]:
    """``pooler`` for a backbone that has one with weights."""
    pooler = getattr(getattr(model, model.base_model_prefix, None), "pooler", None)
    return ["pooler"] if pooler is not None and any(True for _ in pooler.parameters()) else []


def load_adapter(files: ModelSource) -> Any:
    """The reward model of a peft folder: its base, found by name, with the saved adapters and head on it.

    A base that is itself a peft folder has its adapters merged first.
    """
    refuse_bad_files(files)
    folder = Path(files.path_or_id)
    with as_model_error(files, "adapter"):
        config = PeftConfig.from_pretrained(str(folder))
    if config.is_prompt_learning:
        raise ModelError(
            f"{files.name} holds virtual tokens ({config.peft_type.value}), which are not read: rewards without them "
            "would be others. Use an adapter on the weights (LoRA), or a whole model."
        )
    if not config.base_model_name_or_path:
        raise ModelError(f"{files.name} does not say which model its adapter belongs to (base_model_name_or_path).")
    try:
        base = local_source(resolve_model(config.base_model_name_or_path, config.revision))
    except ModelError as error:
        raise ModelError(
            f"the base of the adapter {files.name} (base_model_name_or_path in its adapter_config.json): {error}"
        ) from error
    model = merge_lora(load_adapter(base)) if holds_adapter(base) else load_one_output_model(base)[0]
    refuse_adapter_without_head(folder, files, head_names(model))
    refuse_adapter_of_another_shape(folder, files, model)
    with as_model_error(files, "adapter"), quiet_peft():
        return PeftModel.from_pretrained(model, str(folder), use_safetensors=True)


def refuse_adapter_without_head(folder: Path, source: ModelSource, heads: list[str]) -> None:
    """Raises ``ModelError`` where the head was not saved: the rewards would be those of a random one."""
    with as_model_error(source, "adapter"), safe_open(str(folder / ADAPTER_WEIGHTS), framework="pt") as weights:
        parts = {part for key in weights.keys() for part in key.split(".")}  # noqa: SIM118 - not a dict
    lost = [name for name in heads if name not in parts]
    if lost:
        raise ModelError(f"{source.name} was saved without its head ({', '.join(lost)}), so it gives no reward.")


def refuse_adapter_of_another_shape(folder: Path, source: ModelSource, model: Any) -> None:
    """Raises ``ModelError`` where whole layers were saved that the base has in other shapes (a resized vocabulary)."""
    shapes = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    with as_model_error(source, "adapter"), safe_open(str(folder / ADAPTER_WEIGHTS), framework="pt") as weights:
        for key in weights.keys():  # noqa: SIM118 - not a dict
            name, found = key.removeprefix("base_model.model."), weights.get_slice(key).get_shape()
            if name in shapes and shapes[name] != found:
                raise ModelError(
                    f"{source.name} was saved with {name} of the shape {found}, and its base "
                    f"{model.config.name_or_path} has {shapes[name]}: another vocabulary, number of labels or "
                    "base. Name the base that it was trained on (base_model_name_or_path in adapter_config.json), or "
                    "merge the two where they were trained."
                )


def merge_lora(model: Any) -> Any:
    """The same rewards without adapters: a plain sequence-classification model."""
    return model.merge_and_unload()


def load_merged(folder: str | Path) -> tuple[Any, Any, dict[str, Any]]:
    """Model, tokenizer and extra file of a reward model; adapters, if it has any, are in the weights."""
    model, tokenizer, extra = load_reward_model(str(folder))
    return (merge_lora(model) if hasattr(model, "peft_config") else model), tokenizer, extra


def merge_reward_model(folder: str | Path, output: str | Path) -> None:
    """Writes a reward model as a plain sequence-classification model, with the same rewards."""
    model, tokenizer, extra = load_merged(folder)
    save_reward_model(model, tokenizer, output, {**extra, "merged_from": str(folder)})
