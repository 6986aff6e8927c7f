"""Fixtures of the report's tests."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import altair as alt
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
def _drawn_once() -> Iterator[None]:
    """Reports of one made-up audit have most of their charts in common. Each that is drawn here follows its schema."""
    drawn: dict[str, str] = {}
    draw = svg.vega_svg

    def vega_svg(chart: dict[str, Any]) -> str:
        key = json.dumps(chart, sort_keys=True)
        if key not in drawn:
            alt.LayerChart.validate(json.loads(key))
            drawn[key] = draw(chart)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svg, "vega_svg", vega_svg)
        yield
