"""What may be named as a data set, told before anything is loaded."""

from __future__ import annotations

from pathlib import Path

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.errors import DataError

EMBEDDED_SET = "embedded/dialogues"
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
"""Of files that are read, before ``.gz``."""


def refuse_missing(name: str) -> None:
    """Raises ``DataError`` for a name that is neither here nor one that the Hub could have."""
    if not name:
        raise DataError(f"No data set: name a file, a folder, a Hub id or {EMBEDDED_SET}.")
    path = Path(at_home(name))
    if name == EMBEDDED_SET or path.exists() or is_pattern(name):
        return
    if ending(path) in ENDINGS or name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise DataError(f"{name} does not exist. Pass a file, a folder, a Hub id or {EMBEDDED_SET}.")


def is_pattern(name: str) -> bool:
    """Whether it stands for all files that match it."""
    return any(letter in name for letter in "*?[")


def ending(path: Path) -> str:
    """``.csv`` of ``a.csv.gz``."""
    return Path(path.name.lower().removesuffix(".gz")).suffix
