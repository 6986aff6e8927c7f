"""Ctrl-C and SIGTERM between two optimiser steps instead of within one, so that the state can still be saved."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from rewardsmith.artifacts.terminal.progress import say

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Notes the first signal; a second one acts at once. Only the main thread of a process gets signals at all."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def act(self) -> None:
        """Does what the signal asked for."""
        if self.received is not None:
            self._restore()
            if self.received == signal.SIGINT:
                raise KeyboardInterrupt
            raise SystemExit(128 + self.received)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number
        self._restore()
        say("Stopping after this step, with a checkpoint.")

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
