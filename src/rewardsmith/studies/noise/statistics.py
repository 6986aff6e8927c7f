"""From cells to what they say: gaps, gains, shares of the gap closed, and the recipe that was chosen on other seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.studies.noise.bootstrap import Codes, Draws, Estimate, group_totals
from rewardsmith.studies.noise.credits import decode
from rewardsmith.studies.noise.methods import CLEAN, DEBIAS, ORACLE, PLAIN, RIVALS, STRUCTURED
from rewardsmith.studies.noise.planting import KINDS
from rewardsmith.studies.noise.suspects import RIVAL_NAMES

Result = Mapping[str, Any]
Place = tuple[str, float]

POOLS: dict[str, tuple[str, ...]] = {
    "votes": ("votes",),
    "uniform": ("uniform",),
    "hard": ("hard",),
    "longer": ("longer",),
    "clustered": ("clustered",),
    "structured": ("longer", "clustered"),
    "all": ("uniform", "hard", "longer", "clustered"),
}
"""Kinds of noise that are summed over; a set that has a single kind of a pool gives it that kind's numbers. `all`: what
can be planted at a rate."""
ENOUGH = 2.0
"""Standard errors that a gap must exceed to be a gap."""
MIN_TESTED_GROUPS = 10
"""With fewer, drawing groups again says nothing of how sure a number is."""


def role_of(method: str) -> str:
    """reference, ours, rival, or diagnostic: what reads the truth. What has a rival in it is a rival."""
    if method in (PLAIN, CLEAN):
        return "reference"
    name = method.removeprefix(DEBIAS).removeprefix(STRUCTURED)
    parts = name.split(":")
    if ORACLE in parts:
        return "diagnostic"
    return "rival" if name in RIVALS or parts[0] in RIVAL_NAMES else "ours"


@dataclass(frozen=True)
class Results:
    """Finished cells of a study."""

    cells: Sequence[Result]
    tested: Mapping[int, Codes]
    """Of each seed: of each decided test pair the group that is drawn again as one."""
    seeds: tuple[int, ...]
    num_resamples: int = 1000

    def of_seeds(self, seeds: Sequence[int]) -> Results:
        """The same of some of the seeds."""
        return Results(self.cells, self.tested, tuple(seeds), self.num_resamples)

    @cached_property
    def methods(self) -> list[str]:
        """Every method that some cell has, in the order of the first."""
        names = [name for cell in self.cells if "arms" in cell for name in cell["arms"]]
        return list(dict.fromkeys(names))

    @cached_property
    def places(self) -> list[Place]:
        """Kinds and rates of which every seed has a result; the set as it came first, then by kind and rate."""
        found: dict[Place, set[int]] = {}
        for cell in self.cells:
            if "arms" in cell:
                found.setdefault((cell["kind"], cell["rate"]), set()).add(cell["seed"])
        order = ("none", *KINDS)
        whole = [place for place, seeds in found.items() if seeds >= set(self.seeds)]
        return sorted(whole, key=lambda place: (order.index(place[0]), place[1]))

    @cached_property
    def _tested(self) -> tuple[list[Codes], int]:
        """The groups of each seed's test pairs, numbered anew, and how many different ones there are."""
        own = [self.tested[seed] for seed in self.seeds]
        names, codes = np.unique(np.concatenate(own), return_inverse=True)
        return np.split(codes.reshape(-1), np.cumsum([len(groups) for groups in own])[:-1]), len(names)

    @property
    def num_tested_groups(self) -> int:
        """Different groups that some seed tested on."""
        return self._tested[1]

    @property
    def enough_groups(self) -> bool:
        """Whether intervals mean something; without, there are none, no pools and no choice."""
        return self.num_tested_groups >= MIN_TESTED_GROUPS

    @cached_property
    def draws(self) -> Draws:
        """Shared by everything."""
        num_resamples = self.num_resamples if self.enough_groups else 0
        return Draws.make(len(self.seeds), self.num_tested_groups, num_resamples)

    @cached_property
    def _accuracies(self) -> dict[tuple[Place, str], NDArray[np.float64]]:
        by_key = {(cell["kind"], cell["rate"], cell["seed"]): cell["arms"] for cell in self.cells if "arms" in cell}
        groups, num_groups = self._tested
        counts = np.stack([np.bincount(own, minlength=num_groups) for own in groups]).astype(np.float64)
        found: dict[tuple[Place, str], NDArray[np.float64]] = {}
        for place in self.places:
            cells = [by_key[(*place, seed)] for seed in self.seeds]
            names = [name for name in cells[0] if all(name in arms for arms in cells)]
            totals = [
                group_totals([decode(arms[name]["credit"], len(own)) for name in names], own, num_groups)
                for arms, own in zip(cells, groups, strict=True)
            ]
            means = self.draws.means(np.stack(totals, axis=1), counts)
            found |= {(place, method): means[index] for index, method in enumerate(names)}
        return found

    @property
    def measured(self) -> Collection[tuple[Place, str]]:
        """Every place and method of which all seeds have a result."""
        return self._accuracies.keys()

    def accuracy(self, place: Place, method: str) -> Estimate:
        """Share of test pairs on which the arm agrees with the untouched label."""
        return Estimate(self._accuracies[place, method])

    def gain(self, place: Place, method: str) -> Estimate:
        """Accuracy of the method less that of plain training; of `clean` it is the gap."""
        return Estimate(self._accuracies[place, method] - self._accuracies[place, PLAIN])

    def has_gap(self, place: Place) -> bool:
        """Whether there is something to close: the gap exceeds twice its standard error."""
        gap = self.gain(place, CLEAN)
        return gap.value > ENOUGH * gap.standard_error

    def pool(self, kinds: Sequence[str]) -> list[Place]:
        """The places of some kinds that have a gap."""
        return [place for place in self.places if place[0] in kinds and self.has_gap(place)]

    def share(self, places: Sequence[Place], method: str) -> Estimate:
        """Sum of gains over sum of gaps."""
        gains = np.sum([self.gain(place, method).draws for place in places], axis=0)
        gaps = np.sum([self.gain(place, CLEAN).draws for place in places], axis=0)
        return Estimate(gains / np.where(gaps > 0, gaps, np.nan))

    def mean_gain(self, places: Sequence[Place], method: str) -> Estimate:
        """Mean of gains over places."""
        return Estimate(np.mean([self.gain(place, method).draws for place in places], axis=0))
