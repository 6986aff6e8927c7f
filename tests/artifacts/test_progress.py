"""Progress goes to stderr, and is silent when asked."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from rewardsmith.artifacts import progress as progress_module
from rewardsmith.artifacts.progress import progress, say, set_quiet


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _loud_again() -> Iterator[None]:
    yield
    set_quiet(False)


def test_elsewhere_than_on_a_terminal_it_is_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "LINE_INTERVAL_S", 0.0)
    with progress("features", total=4) as handle:
        handle.note(accuracy=0.51234, layer=3)
        handle.advance(2)
        handle.advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[0].startswith("features: 2/4, 0 s, about 0 s left, accuracy 0.5123, layer 3")
    assert [line.split(",")[0] for line in captured.err.splitlines()] == ["features: 2/4", "features: 4/4"]


def test_a_short_stage_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("features", total=4) as handle:
        handle.advance(4)
    assert capsys.readouterr().err == ""


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_module, "LINE_INTERVAL_S", 0.0)
    with progress("one", total=2, quiet=True) as handle:
        handle.advance()
    set_quiet(True)
    with progress("two", total=None) as handle:
        handle.advance()
        handle.note(x=1)
    say("hello")
    assert capsys.readouterr().err == ""


def test_quiet_is_quiet_on_a_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    set_quiet(True)
    with progress("outer", total=2) as handle:
        handle.advance()
    assert terminal.getvalue() == ""


def test_bars_may_be_nested_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("outer", total=2) as outer:
        with progress("inner", total=3) as inner:
            inner.advance(3)
            inner.note(loss=0.25)
        say("a [notice]")
        outer.advance(2)
    text = terminal.getvalue()
    assert "outer" in text
    assert "a [notice]" in text


def test_a_failure_inside_takes_the_bar_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ZeroDivisionError), progress("outer", total=2):
        _ = 1 / 0
    before = len(terminal.getvalue())
    with progress("again", total=1) as again:
        again.advance()
    shown = terminal.getvalue()[before:]
    assert "again" in shown
    assert "outer" not in shown
