"""How the tests of this folder write and read small preference sets."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tables of any_pairs.py

Load = Callable[..., PreferenceSet]
Write = Callable[..., Path]


@pytest.fixture
def load() -> Load:
    """Loads a data set with the given options."""

    def run(dataset: Any, seed: int = 0, **options: Any) -> PreferenceSet:
        return load_preferences(dataset, DataOptions(**options), seed=seed)

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes lines (objects as JSON, strings and bytes as they are) to a file, gzipped where its name says so."""

    def run(name: str, lines: Iterable[Any]) -> Path:
        encoded = [line if isinstance(line, bytes) else _text(line).encode("utf-8", "surrogatepass") for line in lines]
        content = b"".join(line + b"\n" for line in encoded)
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return run


def _text(line: Any) -> str:
    return line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)


@pytest.fixture
def good_rows() -> list[dict[str, Any]]:
    """Four usable rows in TRL's form."""
    return [
        {"prompt": f"Name a thing that is {word}.", "chosen": f"A {word} stone.", "rejected": "I would rather not."}
        for word in ("red", "heavy", "soft", "old")
    ]
