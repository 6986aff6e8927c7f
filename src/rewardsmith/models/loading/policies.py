"""Policies: causal language models to sample from and to train, whole or by adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from rewardsmith.artifacts.files.atomic import told_to_users
from rewardsmith.artifacts.files.tensor_files import like_other_files
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.layers.heads import switch_dropout_off
from rewardsmith.models.loading.embedded import ModelSource, local_source, resolve_model
from rewardsmith.models.loading.files import (
    as_model_error,
    loading,
    loading_arguments,
    quiet_peft,
    quiet_transformers,
    refuse_bad_files,
)
from rewardsmith.models.loading.gguf_files import as_safetensors, forget_quantisation
from rewardsmith.models.loading.reward_models import (
    holds_adapter,
    lasting_name,
    load_config,
    load_tokenizer,
    set_padding,
)
from rewardsmith.models.loading.vocabulary import refuse_foreign_tokenizer
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import layout_of


def load_policy(source: ModelSource) -> tuple[Any, Any]:
    """A causal language model (float32, evaluation mode, no dropout, on the CPU) and its tokenizer.

    A folder of adapters is merged into its base. ``ModelError`` for a model that cannot write.
    """
    tokenizer = load_tokenizer(source)
    if layout_of(tokenizer) == "encoder":
        raise ModelError(f"{source.name} is an encoder: it reads and does not write. A policy is a causal model.")
    model = _loaded(local_source(source))
    refuse_foreign_tokenizer(model, tokenizer, source.name)
    set_padding(model, tokenizer)
    model.name_or_path = model.config.name_or_path = lasting_name(source)
    model.base_revision = source.revision  # for adapters, which have to find these very weights again
    return model.eval(), tokenizer


def _loaded(files: ModelSource) -> Any:
    return _merged(files) if holds_adapter(files) else _causal_model(files)


def _causal_model(files: ModelSource) -> Any:
    files = as_safetensors(files)
    refuse_bad_files(files)
    config = load_config(files)
    switch_dropout_off(config)
    with loading(files, "policy"):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            files.path_or_id, config=config, output_loading_info=True, **loading_arguments(files, torch.float32)
        )
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{files.name} is no policy: its files lack {', '.join(missing[:3])}.")
    forget_quantisation(model)
    return model


def _merged(files: ModelSource) -> Any:
    from peft import PeftConfig, PeftModel  # only needed for adapters

    with as_model_error(files, "adapter"):
        config = PeftConfig.from_pretrained(files.path_or_id)
    if not config.base_model_name_or_path:
        raise ModelError(f"{files.name} does not say which model its adapter belongs to (base_model_name_or_path).")
    base = _loaded(local_source(resolve_model(config.base_model_name_or_path, config.revision)))
    with as_model_error(files, "adapter"), quiet_peft():
        model: Any = PeftModel.from_pretrained(base, files.path_or_id, use_safetensors=True)
    return model.merge_and_unload().requires_grad_(True)


def add_policy_lora(model: Any, options: LoraOptions, seed: int = 0) -> Any:
    """The policy with adapters on its linear layers, which alone are trained; without them it is what it was.

    Equal seeds draw equal adapters; torch's own generator stays where it is. ``ConfigError`` for dropout: a ratio of
    two draws of it would be noise.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    from rewardsmith.models.loading.lora import target_modules

    if options.lora_dropout:
        raise ConfigError(f"`lora_dropout` {options.lora_dropout}: a policy that PPO trains has none; use 0.")
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=options.lora_r,
        lora_alpha=options.lora_alpha,
        target_modules=target_modules(options),
        base_model_name_or_path=model.config.name_or_path,
        revision=getattr(model, "base_revision", None),
    )
    try:
        with quiet_peft(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return get_peft_model(model, config)
    except ValueError as error:
        raise ModelError(f"`lora_target_modules` {options.lora_target_modules}: {error}") from error


def save_policy(model: Any, tokenizer: Any, path: str | Path) -> None:
    """Writes a folder that ``load_policy`` and plain transformers (or peft) read back."""
    folder = Path(path)
    with quiet_transformers(), told_to_users(folder, folder), like_other_files(folder):
        # peft would ask the Hub whether the vocabulary was changed, and it never is
        model.save_pretrained(folder, **({"save_embedding_layers": False} if hasattr(model, "peft_config") else {}))
        tokenizer.save_pretrained(folder)
