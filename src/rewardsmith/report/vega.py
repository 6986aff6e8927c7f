"""Vega-Lite -> SVG, in its own process: what ends the JavaScript engine, such as a limit of memory, ends no run."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from rewardsmith.artifacts.terminal.progress import say

_TIMEOUT_S = 60.0
_process: _VegaProcess | None = None


class NotDrawnError(Exception):
    """No picture comes of a chart here."""


def vega_svg(chart: dict[str, Any]) -> str:
    """The chart as SVG. ``NotDrawnError`` where the engine dies or refuses: said once, and it is not tried again."""
    global _process
    if _process is None:
        _process = _VegaProcess()
        atexit.register(_process.end)
    return _process.svg(chart)


class _VegaProcess:
    """The parent's side: a chart a line, an SVG a line."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a dying engine prints its stack
            start_new_session=True,  # Ctrl-C is for the parent
        )
        self._lock = threading.Lock()

    def svg(self, chart: dict[str, Any]) -> str:
        assert self._process.stdin is not None and self._process.stdout is not None
        with self._lock:
            if self._process.returncode is not None:
                raise NotDrawnError
            alarm = threading.Timer(_TIMEOUT_S, self._process.kill)
            alarm.start()
            try:
                with suppress(BrokenPipeError):
                    self._process.stdin.write(json.dumps(chart).encode() + b"\n")
                    self._process.stdin.flush()
                answer = self._process.stdout.readline()
                status = None if answer else self._process.wait()
            finally:
                alarm.cancel()
            if status is not None:
                say(
                    f"No figures: the engine that draws them ended with status {status}. It reserves "
                    "much address space (see `ulimit -v`). The report has its numbers and words."
                )
                raise NotDrawnError
        return str(json.loads(answer))

    def end(self) -> None:
        self._process.kill()
        with suppress(BrokenPipeError):
            self._process.communicate()


def main() -> None:
    """Draws until there are no more charts."""
    import vl_convert

    for line in sys.stdin.buffer:
        sys.stdout.write(json.dumps(vl_convert.vegalite_to_svg(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
