"""The part of the cache that keeps converted models. It loads nothing heavy, so that the cache is listed at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rewardsmith.artifacts.files.user_cache import cache_folder, folder_size, key_folders

KEY_FILE = "key.json"


@dataclass(frozen=True)
class ConvertedModel:
    """A converted model, as `rewardsmith cache` lists it."""

    model: str
    num_bytes: int
    path: str


def converted_folder() -> Path:
    """Where all of them are."""
    return cache_folder() / "models"


def list_converted() -> list[ConvertedModel]:
    """All of them, largest first."""
    folders = key_folders(converted_folder())
    found = [ConvertedModel(_name(folder), folder_size(folder), str(folder)) for folder in folders]
    return sorted(found, key=lambda model: -model.num_bytes)


def _name(folder: Path) -> str:
    try:
        return str(json.loads((folder / KEY_FILE).read_text(encoding="utf-8"))["model"])
    except (OSError, ValueError, KeyError):  # being removed, or damaged
        return "unknown"
