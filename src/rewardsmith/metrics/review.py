"""What share of what is sought stands at the top of a ranked list, by how much of the rest has been read.

It is the ROC curve, read as a plan for a reader: where the flips that were planted among the labels of a set stand,
and how many pairs of the set itself stand above them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardsmith.metrics.intervals import LEVEL

MAX_LEVELS = 2000
"""Of suspicion; more are joined to equal shares of the list, and read in random order inside."""
NUM_RESAMPLES = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankedList:
    """A list from the most suspicious down, in steps of equal suspicion; arrays [L + 1], from 0 to 1."""

    hits: Floats
    """Share of what is sought that has been read after each step."""
    alarms: Floats
    """Share of the rest."""

    def found_share(self, depth: ArrayLike, rate: float = 0.0) -> Floats:
        """Share of what is sought that has been found when a share ``depth`` of a list has been read.

        In that list what is sought is a share ``rate`` of all; at 0 only the rest is counted as read. What is equally
        suspicious is read in random order. NaN where nothing is sought or everything is.
        """
        at = np.asarray(depth, dtype=np.float64)
        if np.isnan(self.hits).any():
            return np.full(at.shape, nan)
        return np.asarray(np.interp(at, rate * self.hits + (1 - rate) * self.alarms, self.hits))


def ranked_list(suspicion: ArrayLike, sought: ArrayLike, weight: ArrayLike | None = None) -> RankedList:
    """Of ``suspicion`` [N], higher is read first, and what is ``sought`` [N]; ``weight`` [N] counts a row as often."""
    level, mask = _levels(np.asarray(suspicion, dtype=np.float64)), np.asarray(sought, dtype=bool)
    return _counted(level, mask, np.ones(len(mask)) if weight is None else np.asarray(weight, dtype=np.float64))


def found_interval(
    suspicion: ArrayLike,
    sought: ArrayLike,
    groups: ArrayLike,
    depth: ArrayLike,
    rates: Sequence[float] = (0.0,),
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> tuple[Floats, Floats]:
    """Ends [rates, depths] of the 95 % interval of ``found_share``: the bootstrap over ``groups`` [N] as wholes.

    NaN with fewer than two groups, and where nothing is sought or everything is. Resamples without either are left out.
    """
    level, mask = _levels(np.asarray(suspicion, dtype=np.float64)), np.asarray(sought, dtype=bool)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    num_groups = int(codes.max()) + 1 if len(codes) else 0
    if num_groups < 2 or mask.all() or not mask.any():
        unknown = np.full((len(rates), np.size(depth)), nan)
        return unknown, unknown
    drawn = np.random.default_rng(seed).multinomial(num_groups, np.full(num_groups, 1 / num_groups), num_resamples)
    lists = (_counted(level, mask, times[codes].astype(np.float64)) for times in drawn)
    known = (ranked for ranked in lists if not np.isnan(ranked.hits).any())
    shares = np.array([[ranked.found_share(depth, rate) for rate in rates] for ranked in known])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(shares, [tail, 1 - tail], axis=0)
    return low, high


def _levels(suspicion: Floats) -> NDArray[np.intp]:
    """Steps [N] of suspicion, 0 the highest; what is equally suspicious shares one."""
    if np.isnan(suspicion).any():
        raise ValueError(f"{int(np.isnan(suspicion).sum())} of {len(suspicion)} suspicions are NaN and have no rank")
    _, level, counts = np.unique(-suspicion, return_inverse=True, return_counts=True)
    level = level.reshape(-1)
    if len(counts) > MAX_LEVELS:
        level = ((np.cumsum(counts) - counts) * MAX_LEVELS // len(level))[level]
    return np.asarray(level)


def _counted(level: NDArray[np.intp], sought: NDArray[np.bool_], weight: Floats) -> RankedList:
    hits, alarms = (np.concatenate([[0.0], np.cumsum(np.bincount(level, weight * mask))]) for mask in (sought, ~sought))
    if not (hits[-1] > 0 and alarms[-1] > 0):
        return RankedList(np.full(len(hits), nan), np.full(len(hits), nan))
    return RankedList(hits / hits[-1], alarms / alarms[-1])
