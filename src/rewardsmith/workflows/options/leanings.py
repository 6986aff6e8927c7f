"""The configuration of `leanings`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.preferences.options import DataOptions


@dataclass(frozen=True)
class LeaningsConfig:
    """What preferred responses have more of than others."""

    data: DataOptions = field(default_factory=DataOptions)
    seed: int = 0
    """Seed of the sample that `max_pairs` draws."""
    quiet: bool = False
    """No progress on stderr."""
