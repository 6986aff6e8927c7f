"""Fixtures of the report's tests."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fake_audit() -> ModuleType:
    """The builder of made-up audits that lies beside this file."""
    spec = importlib.util.spec_from_file_location("fake_audit", Path(__file__).with_name("fake_audit.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
