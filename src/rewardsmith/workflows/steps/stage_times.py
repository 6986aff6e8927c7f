"""How long each stage of a run took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimes:
    """Seconds by stage; a stage that comes again adds up."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is inside; nothing is counted where it fails."""
        start = time.monotonic()
        yield
        self._seconds[name] = self._seconds.get(name, 0.0) + time.monotonic() - start

    def rounded(self) -> dict[str, float]:
        """Seconds to a hundredth, in the order in which stages began."""
        return {name: round(seconds, 2) for name, seconds in self._seconds.items()}
