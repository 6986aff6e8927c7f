"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from rewardsmith.artifacts.terminal.plain_text import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FIRST_LINE_S, LINE_INTERVAL_S = 1.0, 5.0
LATE_S = 1.0
LINE_WIDTH = 80

_quiet = False
_wording: Callable[[str], str] = str
_bars: Progress | None = None  # one display for all nested stages: a terminal has room for one


@runtime_checkable
class ProgressHandle(Protocol):
    """What a stage reports to."""

    def advance(self, num: float = 1) -> None:
        """So many more of the total are done."""
        ...

    def note(self, **fields: Any) -> None:
        """Shows numbers beside the progress, as ``name value``; floats get four digits."""
        ...


def set_quiet(quiet: bool) -> None:
    """Switches all progress and notices of this process off (or on again)."""
    global _quiet
    _quiet = quiet


@contextmanager
def worded(wording: Callable[[str], str]) -> Iterator[None]:
    """Passes what is said in this context through ``wording``, such as that of the command line."""
    global _wording
    before, _wording = _wording, wording
    try:
        yield
    finally:
        _wording = before


def in_words(message: str) -> str:
    """The message in the wording of this context."""
    return _wording(message)


def say(message: str) -> None:
    """Prints one line on stderr, above any bar, unless quiet. For what a user should know but need not act on."""
    if _quiet:
        return
    message = one_line(in_words(message))
    if _bars is not None:
        _bars.console.print(message, markup=False, highlight=False)
    else:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is the one place that talks


@contextmanager
def said_if_late(message: str) -> Iterator[None]:
    """Says what is going on in this context, unless it is over within ``LATE_S``. For what has no steps to count."""
    timer = threading.Timer(LATE_S, say, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def progress(description: str, total: float | None, quiet: bool = False) -> Iterator[ProgressHandle]:
    """Shows how far a stage is. ``total`` None: unknown. Stages may be nested."""
    if quiet or _quiet:
        yield _Silent()
    elif sys.stderr.isatty():
        with _bar(description, total) as handle:
            yield handle
    else:
        lines = _Lines(description, total)
        yield lines
        lines.finish()


class _Silent:
    def advance(self, num: float = 1) -> None:
        pass

    def note(self, **fields: Any) -> None:
        pass


class _Lines:
    """A line soon, then one every few seconds, and one at the end if any was printed before."""

    def __init__(self, description: str, total: float | None) -> None:
        self._description = description
        self._total = total
        self._done = 0.0
        self._notes: list[str] = []
        self._started = self._printed = time.monotonic()
        self._has_printed = False
        self._printed_at = 0.0

    def advance(self, num: float = 1) -> None:
        self._done += num
        if time.monotonic() - self._printed >= (LINE_INTERVAL_S if self._has_printed else FIRST_LINE_S):
            self._print()

    def note(self, **fields: Any) -> None:
        self._notes = _as_texts(fields)

    def finish(self) -> None:
        if self._has_printed and self._printed_at != self._done:
            self._print()

    def _print(self) -> None:
        now = time.monotonic()
        elapsed = now - self._started
        line = f"{self._description}: {self._done:,.0f}" + (f"/{self._total:,.0f}" if self._total else "")
        parts = [f"{elapsed:.0f} s"]
        if self._total and 0 < self._done < self._total:
            parts.append(f"about {elapsed * (self._total - self._done) / self._done:.0f} s left")
        for part in parts + self._notes:
            if len(line) + len(f", {part}") > LINE_WIDTH:
                break
            line += f", {part}"
        say(line)
        self._printed = now
        self._has_printed = True
        self._printed_at = self._done


class _Bar:
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, num: float = 1) -> None:
        self._bars.advance(self._task, num)

    def note(self, **fields: Any) -> None:
        self._bars.update(self._task, notes=", ".join(_as_texts(fields)))


@contextmanager
def _bar(description: str, total: float | None) -> Iterator[_Bar]:
    from rewardsmith.artifacts.terminal.progress_bar import new_bars  # slow to load: only for a bar

    global _bars
    outermost = _bars is None
    if _bars is None:
        _bars = new_bars()
        _bars.start()
    bars = _bars
    task = bars.add_task(one_line(description), total=total, notes="")
    try:
        yield _Bar(bars, task)
    finally:
        bars.remove_task(task)
        if outermost:
            bars.stop()
            _bars = None


def _as_texts(fields: dict[str, Any]) -> list[str]:
    return [one_line(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}") for k, v in fields.items()]
