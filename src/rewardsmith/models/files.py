"""Weight files and how they are read: safetensors or GGUF only, no code from a model's folder, quietly."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from rewardsmith.artifacts.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.errors import ModelError
from rewardsmith.models.embedded import ModelSource, local_source

UNUSABLE = (
    OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError, SafetensorError,
)  # fmt: skip
PICKLED_WEIGHTS = ("pytorch_model*.bin", "adapter_model.bin", "*.pt", "*.pth", "*.ckpt", "tf_model.h5", "*.msgpack")


def loading_arguments(files: ModelSource, dtype: torch.dtype) -> dict[str, Any]:
    """What every ``from_pretrained`` of a model is called with."""
    arguments: dict[str, Any] = {"dtype": dtype, "trust_remote_code": False}
    if files.gguf_file:
        return {**arguments, "gguf_file": files.gguf_file}
    return {**arguments, "use_safetensors": True}


def refuse_pickled_weights(files: ModelSource) -> None:
    """Raises ``ModelError`` for a folder without safetensors: pickle files can run code when they are read."""
    folder = Path(files.path_or_id)
    if files.gguf_file or any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for pattern in PICKLED_WEIGHTS for path in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"{files.name} has its weights only as {pickled[0]}, a pickle file, which can run code when it is read. "
            "Convert it to safetensors (save_pretrained of transformers 5 writes them)."
        )
    raise ModelError(f"{files.name} holds no weights: there is no *.safetensors file in {folder}.")


def weights_fingerprint(source: ModelSource) -> str:
    """``sha256:...`` of the weight files and the configurations beside them."""
    files = local_source(source)
    folder = Path(files.path_or_id)
    if files.gguf_file:
        return fingerprint_file(folder / files.gguf_file)
    refuse_pickled_weights(files)
    paths = [*sorted(folder.glob("*.safetensors")), folder / "config.json", folder / "adapter_config.json"]
    return fingerprint_json({path.name: fingerprint_file(path) for path in paths if path.is_file()})


@contextmanager
def as_model_error(source: ModelSource, what: str) -> Iterator[None]:
    """Turns what transformers raises for unusable files into one line that names the model."""
    try:
        yield
    except UNUSABLE as error:
        lines = [line.strip() for line in str(error).strip().split("\n")]
        reason = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]  # PyTorch's reason stands below a title
        raise ModelError(f"the {what} of {source.name} cannot be loaded: {type(error).__name__}: {reason}") from error


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silences loading bars and the report of new heads: the callers here say what matters themselves."""
    gguf_loading: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    logs: Any = transformers_logging
    verbosity, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    gguf_bar, gguf_loading.tqdm = gguf_loading.tqdm, lambda iterable, *_args, **_named: iterable
    logs.set_verbosity(logging.ERROR)
    logs.disable_progress_bar()
    try:
        yield
    finally:
        gguf_loading.tqdm = gguf_bar
        logs.set_verbosity(verbosity)
        if bars:
            logs.enable_progress_bar()
