"""From credits to what they say: means, gains on a baseline, and shares of the gap between baseline and ideal."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rewardsmith.metrics.intervals import MIN_GROUPS
from rewardsmith.trials.bootstrap import NUM_RESAMPLES, Codes, Draws, Estimate, group_totals

SURE_GAP = 2.0
"""Standard errors that a gap must exceed to be a gap."""

Floats = NDArray[np.float64]
P = TypeVar("P", bound=Hashable)


@dataclass(frozen=True)
class PairedResults(Generic[P]):
    """Arms tested on the same items, at several places (conditions of the experiment) and with several seeds."""

    credits: Mapping[tuple[P, int], Mapping[str, Floats]]
    """By place and seed, then by arm: the credit of every test item of the seed."""
    tested: Mapping[int, Codes]
    """Of each seed: of each test item the group that is drawn again as one."""
    seeds: tuple[int, ...]
    baseline: str
    """The arm that gains are measured from."""
    num_resamples: int = NUM_RESAMPLES

    def of_seeds(self, seeds: Sequence[int]) -> Self:
        """The same of some of the seeds."""
        return replace(self, seeds=tuple(seeds))

    @cached_property
    def places(self) -> list[P]:
        """Those of which every seed has a result, in the order of the credits."""
        found: dict[P, set[int]] = {}
        for place, seed in self.credits:
            found.setdefault(place, set()).add(seed)
        return [place for place, seeds in found.items() if seeds >= set(self.seeds)]

    @cached_property
    def _tested(self) -> tuple[list[Codes], int]:
        """The groups of each seed's test items, numbered anew, and how many different ones there are."""
        own = [self.tested[seed] for seed in self.seeds]
        names, codes = np.unique(np.concatenate(own), return_inverse=True)
        return np.split(codes.reshape(-1), np.cumsum([len(groups) for groups in own])[:-1]), len(names)

    @property
    def num_tested_groups(self) -> int:
        """Different groups that some seed tested on."""
        return self._tested[1]

    @property
    def enough_groups(self) -> bool:
        """Whether intervals mean something; without, there are none, and no gap is sure."""
        return self.num_tested_groups >= MIN_GROUPS

    @cached_property
    def draws(self) -> Draws:
        """Shared by everything."""
        num_resamples = self.num_resamples if self.enough_groups else 0
        return Draws.make(len(self.seeds), self.num_tested_groups, num_resamples)

    @cached_property
    def _means(self) -> dict[tuple[P, str], Floats]:
        groups, num_groups = self._tested
        counts = np.stack([np.bincount(own, minlength=num_groups) for own in groups]).astype(np.float64)
        found: dict[tuple[P, str], Floats] = {}
        for place in self.places:
            cells = [self.credits[place, seed] for seed in self.seeds]
            names = [name for name in cells[0] if all(name in arms for arms in cells)]
            totals = [
                group_totals([arms[name] for name in names], own, num_groups)
                for arms, own in zip(cells, groups, strict=True)
            ]
            means = self.draws.means(np.stack(totals, axis=1), counts)
            found |= {(place, arm): means[index] for index, arm in enumerate(names)}
        return found

    @property
    def measured(self) -> Collection[tuple[P, str]]:
        """Every place and arm of which all seeds have a result."""
        return self._means.keys()

    def mean(self, place: P, arm: str) -> Estimate:
        """Mean credit: of credits of 0 and 1, the accuracy."""
        return Estimate(self._means[place, arm])

    def gain(self, place: P, arm: str) -> Estimate:
        """Mean credit of the arm less that of the baseline."""
        return Estimate(self._means[place, arm] - self._means[place, self.baseline])

    def mean_gain(self, places: Sequence[P], arm: str) -> Estimate:
        """Mean of gains over places."""
        return Estimate(np.mean([self.gain(place, arm).draws for place in places], axis=0))


@dataclass(frozen=True)
class GapResults(PairedResults[P]):
    """Where one arm is the ideal: its gain is the gap, of which other arms close a share."""

    ideal: str = field(kw_only=True)

    def has_gap(self, place: P) -> bool:
        """Whether there is something to close: the gap exceeds twice its standard error."""
        gap = self.gain(place, self.ideal)
        return gap.value > SURE_GAP * gap.standard_error

    def share(self, places: Sequence[P], arm: str) -> Estimate:
        """Share of the gap closed: sum of gains over sum of gaps."""
        gains = np.sum([self.gain(place, arm).draws for place in places], axis=0)
        gaps = np.sum([self.gain(place, self.ideal).draws for place in places], axis=0)
        return Estimate(gains / np.where(gaps > 0, gaps, np.nan))
