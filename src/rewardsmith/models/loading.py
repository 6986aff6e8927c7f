"""Loading tokenizers and trunks. Safetensors or GGUF only, no code from a model's folder, float32 unless asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from rewardsmith.artifacts.fingerprints import fingerprint_file, fingerprint_json
from rewardsmith.errors import ModelError
from rewardsmith.models.embedded import ModelSource, local_source

PICKLED_WEIGHTS = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "tf_model.h5", "flax_model.msgpack")


def load_tokenizer(source: ModelSource) -> Any:
    """The tokenizer beside a model, chat template included."""
    files = local_source(source)
    with quiet_transformers(), as_model_error(source, "tokenizer"):
        return AutoTokenizer.from_pretrained(files.path_or_id, gguf_file=files.gguf_file, trust_remote_code=False)


def load_trunk(source: ModelSource, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """A backbone without head, in evaluation mode, and its configuration."""
    files = local_source(source)
    refuse_pickled_weights(files)
    with quiet_transformers(), as_model_error(source, "model"):
        model = AutoModel.from_pretrained(files.path_or_id, **loading_arguments(files, dtype))
    return model.to(device).eval(), model.config


def load_config(source: ModelSource) -> Any:
    """A model's configuration."""
    files = local_source(source)
    with quiet_transformers(), as_model_error(source, "configuration"):
        return AutoConfig.from_pretrained(files.path_or_id, gguf_file=files.gguf_file, trust_remote_code=False)


def loading_arguments(files: ModelSource, dtype: torch.dtype) -> dict[str, Any]:
    """What every ``from_pretrained`` of this package is called with."""
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
            "Convert it to safetensors (model.save_pretrained of transformers 5 does)."
        )
    raise ModelError(f"{files.name} holds no weights: no *.safetensors file in {folder}.")


def weights_fingerprint(source: ModelSource) -> str:
    """``sha256:...`` of the weight files and the configuration."""
    files = local_source(source)
    folder = Path(files.path_or_id)
    if files.gguf_file:
        return fingerprint_file(folder / files.gguf_file)
    refuse_pickled_weights(files)
    paths = [*sorted(folder.glob("*.safetensors")), folder / "config.json"]
    return fingerprint_json({path.name: fingerprint_file(path) for path in paths if path.is_file()})


def position_limit(config: Any) -> int | None:
    """Most tokens a model with learned absolute positions can read; None where there is no such limit."""
    text = config.get_text_config()
    if getattr(text, "rope_parameters", None) or text.model_type in ROTARY_OR_RELATIVE:
        return None
    limit = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    if limit is None:
        return None
    # RoBERTa and its descendants number positions from pad_token_id + 1.
    return int(limit) - (text.pad_token_id + 1 if text.model_type in POSITIONS_AFTER_PADDING else 0)


ROTARY_OR_RELATIVE = ("deberta", "deberta-v2", "modernbert", "bloom", "mpt", "falcon", "gpt_neox", "gptj", "t5")
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text")


def check_max_length(config: Any, max_length: int, name: str) -> None:
    """Raises ``ModelError`` where a model has fewer positions than conversations may have tokens."""
    limit = position_limit(config)
    if limit is not None and max_length > limit:
        raise ModelError(
            f"--max_length {max_length} is more than the {limit} positions of {name}; pass --max_length {limit}."
        )


@contextmanager
def as_model_error(source: ModelSource, what: str) -> Iterator[None]:
    """Turns what transformers raises for unusable files into one line that names the model."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"the {what} of {source.name} cannot be loaded: {type(error).__name__}: {reason}") from error


class _NoBar:
    """Stands in for tqdm where transformers offers no switch."""

    def __new__(cls, iterable: Any = None, *_: Any, **__: Any) -> Any:
        return iterable


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silences the loading bars and the report of new heads, which say nothing that a user of this package can use."""
    from transformers import modeling_gguf_pytorch_utils as gguf_loading

    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    gguf_bar, gguf_loading.tqdm = gguf_loading.tqdm, _NoBar
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        gguf_loading.tqdm = gguf_bar
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def library_versions() -> dict[str, str]:
    """Versions that decide what a forward pass computes."""
    return {"torch": str(torch.__version__), "transformers": transformers.__version__}
