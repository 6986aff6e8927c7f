"""Fixtures of the report's tests."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rewardsmith.report import svg


@pytest.fixture(scope="session")
def fake_audit() -> ModuleType:
    """The builder of made-up audits that lies beside this file."""
    spec = importlib.util.spec_from_file_location("fake_audit", Path(__file__).with_name("fake_audit.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def _checked_charts() -> Iterator[None]:
    """Every chart that is drawn here follows its schema."""
    svg.IS_CHECKED = True
    yield
    svg.IS_CHECKED = False
