"""The outcome of one check: a mark and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rewardsmith.errors import RewardsmithError

Mark = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """``fail``: results would be wrong. ``warn``: worth knowing. ``ok``: as it should be."""

    name: str
    mark: Mark
    sentence: str
    """What was found, with its numbers, and what to do where it is not ok."""


def verdict(name: str, fine: bool, if_fine: str, if_not: str, otherwise: Mark = "fail") -> Check:
    """``ok`` or ``otherwise``."""
    return Check(name, "ok", if_fine) if fine else Check(name, otherwise, if_not)


def checked(name: str, checks: Callable[[], list[Check]]) -> list[Check]:
    """What the checks find: a model or a set that cannot even be loaded is a finding of this name, not a crash."""
    try:
        return checks()
    except RewardsmithError as error:
        return [Check(name, "fail", str(error))]
