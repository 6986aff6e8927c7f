"""Weight files and how they are read: safetensors or GGUF only, no code from a model's folder, quietly."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from rewardsmith.artifacts.files.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.artifacts.runs.manifest import recorded_outputs
from rewardsmith.artifacts.terminal.progress import said_if_late
from rewardsmith.errors import ModelError
from rewardsmith.models.loading.embedded import ModelSource, local_source

UNUSABLE = (
    OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError, SafetensorError,
)  # fmt: skip
MODEL_FILES = (
    "*.safetensors",
    "config.json",
    "adapter_config.json",
    "tokenizer*",
    "*.jinja",
    "rewardsmith.json",
    "feature_head.json",
)
PICKLED_WEIGHTS = ("pytorch_model*.bin", "adapter_model.bin", "*.pt", "*.pth", "*.ckpt", "tf_model.h5", "*.msgpack")


def loading_arguments(files: ModelSource, dtype: torch.dtype) -> dict[str, Any]:
    """What every ``from_pretrained`` of a model is called with."""
    arguments: dict[str, Any] = {"dtype": dtype, "trust_remote_code": False}
    if files.gguf_file:
        return {**arguments, "gguf_file": files.gguf_file}
    return {**arguments, "use_safetensors": True}


def refuse_bad_files(files: ModelSource) -> None:
    """Raises ``ModelError`` for a folder without safetensors, and for one of ours that is not as it was written.

    Pickle files can run code when they are read.
    """
    folder = Path(files.path_or_id)
    if files.gguf_file:
        return
    if any(folder.glob("*.safetensors")):
        refuse_changed_files(folder)
        return
    pickled = sorted(path.name for pattern in PICKLED_WEIGHTS for path in folder.glob(pattern))
    if pickled:
        raise ModelError(
            f"{files.name} has its weights only as {pickled[0]}, a pickle file, which can run code when it is read. "
            "Convert it to safetensors (save_pretrained of transformers 5 writes them)."
        )
    raise ModelError(f"{files.name} holds no weights: there is no *.safetensors file in {folder}.")


def refuse_changed_files(folder: Path) -> None:
    """Raises ``ModelError`` where the manifest of the run that wrote a model tells other checksums of its files."""
    for path, recorded in recorded_outputs(folder).items():
        if any(path.match(pattern) for pattern in MODEL_FILES) and path.is_file() and _checksum_now(path) != recorded:
            raise ModelError(
                f"{path} is not as the run that wrote it left it: its checksum is not the one in manifest.json. "
                "Restore the file. If the change is meant, remove the manifest."
            )


def _checksum_now(path: Path) -> str:
    stat = path.stat()
    return _checksum(str(path.resolve()), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _checksum(path: str, _size: int, _changed_ns: int) -> str:
    """Of a file as it is now, read once while its size and time of change stay as they are."""
    return fingerprint_file(path)


def weights_fingerprint(source: ModelSource) -> str:
    """``sha256:...`` of the weight files and the configurations beside them."""
    files = local_source(source)
    folder = Path(files.path_or_id)
    if files.gguf_file:
        return _checksum_now(folder / files.gguf_file)
    refuse_bad_files(files)
    paths = [*sorted(folder.glob("*.safetensors")), folder / "config.json", folder / "adapter_config.json"]
    return fingerprint_json({path.name: _checksum_now(path) for path in paths if path.is_file()})


@contextmanager
def as_model_error(source: ModelSource, what: str) -> Iterator[None]:
    """Turns what transformers raises for unusable files into one line that names the model."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, UNUSABLE) and type(error) is not Exception:  # tokenizers has no class of its own
            raise
        lines = [line.strip() for line in str(error).strip().split("\n")]
        reason = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]  # PyTorch's reason stands below a title
        raise ModelError(f"the {what} of {source.name} cannot be loaded: {type(error).__name__}: {reason}") from error


@contextmanager
def loading(files: ModelSource, what: str) -> Iterator[None]:
    """Reads weights: quietly, but said with their size where it takes long; what is unusable is a ``ModelError``."""
    folder = Path(files.path_or_id)
    paths = [folder / files.gguf_file] if files.gguf_file else folder.glob("*.safetensors")
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    message = f"Loading {files.name} ({megabytes:,.0f} MB)."
    with said_if_late(message), quiet_transformers(), as_model_error(files, what):
        yield


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


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Silences what peft warns of while it wraps a model: an old name of transformers, and a setting it corrects."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to False", UserWarning)
        yield
