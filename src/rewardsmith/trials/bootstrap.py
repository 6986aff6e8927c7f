"""Paired intervals for mean credits of many arms over several seeds.

What varies is twofold: the groups of items that were tested on, and the seed, which draws split, folds and whatever
else is random. Both are drawn again, crossed (the pigeonhole bootstrap, Owen 2007): a test group comes with all seeds
in which it was tested. Every arm and cell is seen under the same draws, so differences and shares of them are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.parts import IntervalNumbers, Verdict
from rewardsmith.metrics.intervals import SEEN, Interval

NUM_RESAMPLES = 1000
TAILS = (0.025, 0.975)

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Draws:
    """Weights of seeds [R, S] and of groups [R, G]; the first row is the data as they are."""

    seeds: Floats
    groups: Floats

    @classmethod
    def make(cls, num_seeds: int, num_groups: int, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> Draws:
        """As many resamples of each. With one seed, only the groups vary.

        Of n, n - 1 are drawn: the variance of their mean is then that of the mean, and not (n - 1) / n of it, which
        with few seeds would be far too little (Rao and Wu 1988).
        """
        rng = np.random.default_rng(seed)
        weights = [
            np.concatenate([np.ones((1, n)), rng.multinomial(max(n - 1, 1), np.full(n, 1 / n), size=num_resamples)])
            for n in (num_seeds, num_groups)
        ]
        return cls(weights[0], weights[1])

    def means(self, totals: Floats, counts: Floats) -> Floats:
        """Mean credit of A arms in each draw, [A, R], from totals of credits [A, S, G] and numbers of items [S, G].

        NaN where a draw has no item.
        """
        num_arms, num_seeds, num_groups = totals.shape
        by_seed = (totals.reshape(-1, num_groups) @ self.groups.T).reshape(num_arms, num_seeds, -1)
        credit = np.einsum("asr,rs->ar", by_seed, self.seeds)
        number = np.einsum("sr,rs->r", counts @ self.groups.T, self.seeds)
        return np.where(number > 0, credit / np.maximum(number, 1), np.nan)


def group_totals(credit: Sequence[Floats], groups: Codes, num_groups: int) -> Floats:
    """Credits of A arms on one seed's test items, each [N], summed by group: [A, G]."""
    return np.stack([np.bincount(groups, weights=own, minlength=num_groups) for own in credit])


@dataclass(frozen=True)
class Estimate:
    """A number with its draws: the first is the value itself."""

    draws: Floats

    @property
    def value(self) -> float:
        return float(self.draws[0])

    @property
    def standard_error(self) -> float:
        """Standard deviation over the draws."""
        return float(np.nanstd(self.draws[1:], ddof=1)) if np.isfinite(self.draws[1:]).sum() > 1 else nan

    @property
    def smallest_seen(self) -> float:
        """The smallest true difference that four of five such experiments would find."""
        return SEEN * self.standard_error

    @property
    def interval(self) -> Interval:
        """95 %; its ends are NaN where nothing was drawn."""
        drawn = self.draws[1:][np.isfinite(self.draws[1:])]
        low, high = np.quantile(drawn, TAILS) if len(drawn) else (nan, nan)
        return Interval(self.value, float(low), float(high))

    def as_dict(self) -> IntervalNumbers:
        """value, low, high; None where not defined."""
        return self.interval.as_dict()

    @property
    def verdict(self) -> Verdict:
        """``better`` or ``worse`` where the interval excludes zero, else ``unclear``."""
        interval = self.interval
        if not (isfinite(interval.low) and isfinite(interval.high)):
            return "unclear"
        return "better" if interval.low > 0 else "worse" if interval.high < 0 else "unclear"
