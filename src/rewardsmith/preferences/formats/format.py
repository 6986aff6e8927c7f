"""What a format is: how to recognise a row and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rewardsmith.preferences.pair import Pair

Record = Mapping[str, object]


@dataclass(frozen=True)
class Format:
    """One form in which preference sets are published."""

    name: str
    """Value of ``--format``."""
    columns: tuple[str, ...]
    """Its typical columns: shown to people, and used to name the nearest form when none fits."""
    matches: Callable[[Record], bool]
    """Whether a row is in this form, judged by its fields and their types. Cheap; never raises."""
    read: Callable[[Record], Pair]
    """The row's pair. Raises ``BadRowError`` where there is none."""
    share_needed: float = 0.5
    """Share of the rows that any form fits from which a set is taken to be in this one."""
