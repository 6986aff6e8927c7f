"""Figures come out of a process of their own; its death is survived."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from rewardsmith.report import vega

CHART = {
    "data": {"values": [{"x": 1}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}


@pytest.fixture
def little_address_space(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Less than the engine reserves, for processes that are started within the test."""
    monkeypatch.setattr(vega, "_process", None)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (20_000_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_a_chart_becomes_svg() -> None:
    assert vega.vega_svg(CHART).startswith("<svg")
    assert "é" in vega.vega_svg(CHART | {"title": "é"})


@pytest.mark.usefixtures("little_address_space")
def test_the_engines_death_is_said_once_and_leaves_words_in_place_of_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rewardsmith.report.svg import draw, layered, marks_of

    for name in ("first", "second"):
        figure = draw(name, "a title", "3 of <4>", lambda canvas: layered(marks_of([{"x": 1}]).mark_point(), height=9))
        assert str(figure.wide) == '<p class="muted">Not drawn here. 3 of &lt;4&gt;</p>'
        assert (figure.title, str(figure.narrow)) == ("a title", "")
    said = capsys.readouterr().err
    assert said.count("No figures") == 1
    assert "ulimit -v" in said


def test_a_chart_that_the_engine_refuses_ends_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vega, "_process", None)
    with pytest.raises(vega.NotDrawnError):
        vega.vega_svg({"mark": 3})
