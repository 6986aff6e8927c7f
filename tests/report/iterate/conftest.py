"""Fixtures of the tests of the report of iterated RLHF."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def made_up_run() -> ModuleType:
    """The builder of a made-up run that lies beside this file."""
    spec = importlib.util.spec_from_file_location("made_up_run", Path(__file__).with_name("made_up_run.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
