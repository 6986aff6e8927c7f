"""The preference set that comes with the package."""

from __future__ import annotations

from pathlib import Path


def dialogues_path() -> Path:
    """The file of `embedded/dialogues`: rows in the `votes` form, gzipped JSON Lines."""
    return Path(__file__).with_name("dialogues.jsonl.gz")
