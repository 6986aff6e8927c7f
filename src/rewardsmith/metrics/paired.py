"""Two models on the same pairs: the mean difference of what each pair gives them, with a paired interval.

What makes a pair hard for both cancels in the difference, so far smaller differences show than between two intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import ArrayLike

from rewardsmith.contracts.metrics.parts import MeasureDifference
from rewardsmith.metrics.intervals import Interval, group_bootstrap, without_spread


@dataclass(frozen=True)
class PairedDifference:
    """Mean of first - second over the rows that both have a number for. NaN: not defined on this data."""

    first: float
    second: float
    difference: Interval
    num_rows: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.difference.low > 0 or self.difference.high < 0

    def as_dict(self) -> MeasureDifference:
        """Ready for JSON: a number that is not defined is None."""
        first, second = (value if isfinite(value) else None for value in (self.first, self.second))
        ends = self.difference.as_dict()
        return {
            "first": first,
            "second": second,
            "difference": ends["value"],
            "difference_low": ends["low"],
            "difference_high": ends["high"],
            "is_clear": self.is_clear,
            "num_rows": self.num_rows,
        }


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    groups: ArrayLike,
    num_resamples: int = 1000,
    seed: int = 0,
    widest: float | None = None,
) -> PairedDifference:
    """Values [N] of two models on the same rows; the bootstrap resamples whole groups. NaN in either: the row is out.

    ``widest``: the largest difference that one row can show (1 for shares). Where every row shows the same difference,
    resampling sees no spread and would claim certainty; with ``widest`` given, the interval is ``without_spread``.
    """
    one, other, labels = np.asarray(first, dtype=float), np.asarray(second, dtype=float), np.asarray(groups)
    if not one.shape == other.shape == labels.shape:
        raise ValueError(f"shapes differ: first {one.shape}, second {other.shape}, groups {labels.shape}")
    both = ~(np.isnan(one) | np.isnan(other))
    one, other, labels = one[both], other[both], labels[both]
    difference = one - other
    interval = group_bootstrap(difference, labels, num_resamples=num_resamples, seed=seed)
    if widest is not None and len(difference) and not np.ptp(difference):
        interval = without_spread(interval.value, widest, len(np.unique(labels)))
    first_mean, second_mean = (float(values.mean()) if len(values) else nan for values in (one, other))
    return PairedDifference(first_mean, second_mean, interval, len(difference))
