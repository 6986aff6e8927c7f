"""Loading and saving: tokenizers, trunks, and reward models as Hugging Face sequence-classification models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from rewardsmith.artifacts.files.atomic import told_to_users, write_json
from rewardsmith.artifacts.files.tensor_files import like_other_files
from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import head_names, output_layer, switch_dropout_off
from rewardsmith.models.loading.embedded import ModelSource, local_source, resolve_model
from rewardsmith.models.loading.files import (
    as_model_error,
    loading,
    loading_arguments,
    quiet_transformers,
    refuse_bad_files,
)
from rewardsmith.models.loading.gguf_files import as_safetensors, forget_quantisation
from rewardsmith.models.loading.vocabulary import num_embeddings, refuse_foreign_tokenizer
from rewardsmith.tokens.encoding import tokens_check
from rewardsmith.tokens.padding import choose_pad_token

EXTRA_FILE = "rewardsmith.json"
ADAPTER_CONFIG = "adapter_config.json"


def load_tokenizer(source: ModelSource) -> Any:
    """The tokenizer beside a model, chat template included."""
    files = as_safetensors(local_source(source))
    with quiet_transformers(), as_model_error(source, "tokenizer"):
        return AutoTokenizer.from_pretrained(files.path_or_id, gguf_file=files.gguf_file, trust_remote_code=False)


def load_config(source: ModelSource) -> Any:
    files = as_safetensors(local_source(source))
    with quiet_transformers(), as_model_error(source, "configuration"):
        return AutoConfig.from_pretrained(files.path_or_id, gguf_file=files.gguf_file, trust_remote_code=False)


def load_trunk(source: ModelSource, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """A backbone without head, in evaluation mode, and its configuration."""
    files = as_safetensors(local_source(source))
    refuse_bad_files(files)
    with loading(files, "model"):
        model = AutoModel.from_pretrained(files.path_or_id, **loading_arguments(files, dtype))
    return model.to(device).eval(), model.config


def load_one_output_model(files: ModelSource) -> tuple[Any, dict[str, Any]]:
    """A sequence-classification model with one label and without dropout, and transformers' report of its weights.

    What the files lack is drawn from PyTorch's generator, heads with several outputs too. ``ModelError`` for other
    weights that do not fit.
    """
    files = as_safetensors(files)
    refuse_bad_files(files)
    config = load_config(files)
    config.num_labels = 1
    switch_dropout_off(config)
    with loading(files, "model"):
        model, report = AutoModelForSequenceClassification.from_pretrained(
            files.path_or_id,
            config=config,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **loading_arguments(files, torch.float32),
        )
    heads = tuple(f"{name}." for name in head_names(model))
    for name, found, wanted in report["mismatched_keys"]:
        if not name.startswith(heads):
            raise ModelError(
                f"{files.name}: {name} has the shape {tuple(found)} in the weights, and {tuple(wanted)} by the "
                "configuration. One of the two belongs to another model."
            )
    forget_quantisation(model)
    return model, report


def lasting_name(source: ModelSource) -> str:
    """A name that finds the model again from any folder: embedded name, Hub id, or absolute path."""
    if source.name == source.path_or_id or source.gguf_file:
        path = Path(source.name)
        return str(path.resolve()) if path.exists() else source.name
    return source.name


def set_padding(model: Any, tokenizer: Any) -> None:
    """Gives model and tokenizer the same padding token, one that can never end a conversation."""
    pad_id, pad_token = choose_pad_token(tokenizer, num_embeddings(model))
    tokenizer.pad_token = pad_token
    set_padding_id(model, pad_id)


def set_padding_id(model: Any, pad_id: int | None) -> None:
    """Tells a model which token is padding."""
    for config in (model.config, model.config.get_text_config()):
        config.pad_token_id = pad_id


def holds_adapter(files: ModelSource) -> bool:
    """Whether a model on this machine is a peft folder, which names its base."""
    return (Path(files.path_or_id) / ADAPTER_CONFIG).is_file()


def load_reward_model(path: str, revision: str | None = None) -> tuple[Any, Any, dict[str, Any]]:
    """Model (float32, evaluation mode, on the CPU), tokenizer, and what was saved as ``extra`` ({} if nothing was).

    ``path``: a sequence-classification folder, a peft adapter folder, or a Hub id of either.
    """
    source = resolve_model(path, revision)
    files = local_source(source)
    folder = Path(files.path_or_id)
    if holds_adapter(files):
        from rewardsmith.models.loading.lora import load_adapter  # peft is only needed for adapters

        model = load_adapter(files)
    else:
        refuse_bad_files(files)
        with loading(files, "reward model"):
            model, report = AutoModelForSequenceClassification.from_pretrained(
                files.path_or_id, output_loading_info=True, **loading_arguments(files, torch.float32)
            )
        refuse_missing_head(source, model, set(report["missing_keys"]))
    tokenizer = load_tokenizer(source)
    if holds_adapter(files):
        # An adapter folder has no model configuration; its tokenizer carries the choice of padding.
        set_padding_id(model, tokenizer.pad_token_id)
    refuse_foreign_tokenizer(model, tokenizer, source.name)
    pad_id = model.config.get_text_config().pad_token_id
    if pad_id is None or pad_id >= num_embeddings(model):
        set_padding(model, tokenizer)
    extra = read_extra(folder)
    if "tokens_check" in extra and extra["tokens_check"] != tokens_check(tokenizer):
        raise ModelError(
            f"{path} has another tokenizer or chat template than it was trained with. Restore the old files."
        )
    return model.eval(), tokenizer, extra


def refuse_missing_head(source: ModelSource, model: Any, missing: set[str]) -> None:
    """Raises ``ModelError`` for a model that gives no single number, or whose head would be random."""
    if model.config.num_labels != 1:
        raise ModelError(
            f"{source.name} has {model.config.num_labels} labels; a reward model has one. Train one from it, with a "
            f"new head: rewardsmith train pairs.jsonl --model_name_or_path {source.name}"
        )
    output_layer(model)
    if missing:
        names = ", ".join(sorted(missing)[:3])
        raise ModelError(f"{source.name} is no reward model: its files lack {names}. Train one with rewardsmith train.")


def save_reward_model(
    model: Any, tokenizer: Any, path: str | Path, extra: dict[str, Any], weights: dict[str, Tensor] | None = None
) -> None:
    """Writes a folder that plain transformers (or peft) reloads to the same rewards; ``extra`` goes beside it.

    ``weights``: those of the model by name, where the model itself has only its share of them. A full disk is a
    ``RunError``, a place that cannot be written an ``OutputError``.
    """
    folder = Path(path)
    with quiet_transformers(), told_to_users(folder, folder), like_other_files(folder):
        if hasattr(model, "peft_config"):
            model.save_pretrained(
                folder, state_dict=weights, save_embedding_layers=False
            )  # the vocabulary is never changed here
        else:
            model.save_pretrained(folder, state_dict=weights)
        tokenizer.save_pretrained(folder)
    write_json(folder / EXTRA_FILE, {**extra, "tokens_check": tokens_check(tokenizer)})


def read_extra(folder: Path) -> dict[str, Any]:
    """What ``save_reward_model`` wrote beside the model."""
    path = folder / EXTRA_FILE
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return content if isinstance(content, dict) else {}
