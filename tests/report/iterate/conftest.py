"""Fixtures of the tests of the report of iterated RLHF."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def run() -> dict[str, Any]:
    """The made-up run that lies beside this file, anew for each test."""
    spec = importlib.util.spec_from_file_location("made_up_run", Path(__file__).with_name("made_up_run.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: dict[str, Any] = module.made_up_run()
    return made
