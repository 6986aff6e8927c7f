"""GGUF files: converted once, and kept in the user's cache as safetensors, which are read in a fraction of the time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from rewardsmith.artifacts.files.atomic import atomic_folder, write_json
from rewardsmith.artifacts.files.partial import remove_abandoned
from rewardsmith.artifacts.files.tensor_files import like_other_files
from rewardsmith.artifacts.files.user_cache import folder_size, key_name
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import ModelError
from rewardsmith.models.loading.converted_models import KEY_FILE, converted_folder
from rewardsmith.models.loading.embedded import ModelSource
from rewardsmith.models.loading.files import loading, loading_arguments, quiet_transformers, weights_fingerprint

LARGEST_KEPT = 1 << 30  # bytes of a file: in float32 it takes up to eight times the room
CONVERSION = 1


def as_safetensors(files: ModelSource) -> ModelSource:
    """A model on this machine in files that are read quickly: weights and tokens are the same, to the bit.

    A folder is that already; a GGUF file above ``LARGEST_KEPT`` is left as it is.
    """
    if files.gguf_file is None or Path(files.path_or_id, files.gguf_file).stat().st_size > LARGEST_KEPT:
        return files
    key = {"weights": weights_fingerprint(files), "by": transformers.__version__, "version": CONVERSION}
    folder = converted_folder() / key_name(key)
    if not folder.is_dir():
        _convert(files, folder)
    return replace(files, path_or_id=str(folder), gguf_file=None)


def forget_quantisation(model: Any) -> None:
    """A model read from GGUF holds plain float weights; traces of the file's number type would mislead a reload."""
    model.hf_quantizer = None
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(model.config, name):
            delattr(model.config, name)


def _convert(files: ModelSource, folder: Path) -> None:
    remove_abandoned(folder.parent)
    with loading(files, "model"):
        tokenizer = AutoTokenizer.from_pretrained(files.path_or_id, gguf_file=files.gguf_file, trust_remote_code=False)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            files.path_or_id, output_loading_info=True, **loading_arguments(files, torch.float32)
        )
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"{files.name} is no language model: its file lacks {', '.join(missing[:3])}.")
    forget_quantisation(model)
    try:
        with atomic_folder(folder) as made, quiet_transformers(), like_other_files(made):
            model.save_pretrained(made)
            tokenizer.save_pretrained(made)
            write_json(made / KEY_FILE, {"model": files.name})
    except OSError:
        if not folder.is_dir():  # else another process did the same meanwhile
            raise
    say(f"{files.name} was converted, once: {folder_size(folder) / 1e6:,.1f} MB in the cache (rewardsmith cache).")
