"""Progress goes to stderr, and is silent when asked."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator

import pytest

from rewardsmith.artifacts.terminal import progress as progress_module
from rewardsmith.artifacts.terminal.progress import progress, said_if_late, say, set_quiet


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _loud_again() -> Iterator[None]:
    yield
    set_quiet(False)


def line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_LINE_S", "LINE_INTERVAL_S"):
        monkeypatch.setattr(progress_module, name, 0.0)


def test_elsewhere_than_on_a_terminal_it_is_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line_at_once(monkeypatch)
    with progress("features", total=4) as handle:
        handle.note(accuracy=0.51234, layer=3)
        handle.advance(2)
        handle.advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[0].startswith("features: 2/4, 0 s, about 0 s left, accuracy 0.5123, layer 3")
    assert [line.split(",")[0] for line in captured.err.splitlines()] == ["features: 2/4", "features: 4/4"]


NAMED = {"tokens/s": 1920, "loss": 0.69314, "accuracy": 0.5, "pairs_per_s": 22.12}


def test_lines_fit_80_columns_and_keep_their_totals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line_at_once(monkeypatch)
    with progress("Tokens read by a-model-of-some-length/3B", total=42_089_123) as handle:
        handle.note(**NAMED)
        handle.advance(12_121_204)
    lines = capsys.readouterr().err.splitlines()
    assert all("12,121,204/42,089,123, 0 s" in line and len(line) <= 80 for line in lines) and lines


@pytest.mark.parametrize(("done", "total"), [(21_204, 42_089), (12_121_204, 42_089_123)])
def test_bars_fit_80_columns_and_keep_their_totals(monkeypatch: pytest.MonkeyPatch, done: int, total: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with progress("Tokens read by a-model-of-some-length/3B", total) as handle:
        handle.advance(done)
        handle.note(**NAMED)
        assert progress_module._bars is not None
        progress_module._bars.refresh()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).replace("\r", "\n").split("\n")
    assert max(map(len, shown)) == 80
    assert f" {done:,}/{total:,} " in [line for line in shown if line.strip()][-1]


def test_the_first_line_comes_sooner_than_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 1.0, 1.0, 2.0, 3.0, 7.0, 7.0])
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(seconds))
    with progress("features", total=4) as handle:
        for _ in range(4):
            handle.advance()
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == ["features: 1/4", "features: 4/4"]


def test_a_short_stage_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("features", total=4) as handle:
        handle.advance(4)
    assert capsys.readouterr().err == ""


def test_quiet_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    line_at_once(monkeypatch)
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


def test_what_takes_long_is_said_once_and_what_does_not_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "LATE_S", 0.1)
    with said_if_late("over at once"):
        pass
    with said_if_late("Loading it."):
        time.sleep(0.3)
    set_quiet(True)
    with said_if_late("in silence"):
        time.sleep(0.3)
    assert capsys.readouterr().err == "Loading it.\n"
