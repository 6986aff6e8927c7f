"""Fixtures of the tests of the report of iterated RLHF."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import made_up_run as made_up


@pytest.fixture(scope="session")
def made_up_run() -> ModuleType:
    """The builder of a made-up run."""
    return made_up


@pytest.fixture
def run(made_up_run: ModuleType) -> dict[str, Any]:
    """Its numbers, anew for each test."""
    made: dict[str, Any] = made_up_run.made_up_run()
    return made


@pytest.fixture
def samples(made_up_run: ModuleType, tmp_path: Path) -> Path:
    """A folder with what its policies answer."""
    made_up_run.write_samples(tmp_path)
    return tmp_path
