"""Intervals of 95 %: the bootstrap over groups, and Wilson's for a share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10, nan, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rewardsmith.contracts.metrics.parts import IntervalNumbers

LEVEL = 0.95
POWER = 0.8
SEEN = NormalDist().inv_cdf(0.5 + LEVEL / 2) + NormalDist().inv_cdf(POWER)
"""Standard errors of a difference that an experiment sees, as one whose interval excludes zero, with this power."""
MIN_GROUPS = 10
"""With fewer, drawing groups again says nothing of how sure a number is."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its interval. NaN: not defined on this data."""

    value: float
    low: float
    high: float

    def as_dict(self) -> IntervalNumbers:
        """Ready for JSON: a number that is not defined is None."""
        value, low, high = (number if isfinite(number) else None for number in (self.value, self.low, self.high))
        return {"value": value, "low": low, "high": high}


def group_bootstrap(
    values: ArrayLike,
    groups: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float] | None = None,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap that resamples whole groups, since pairs of one prompt are not independent.

    ``values`` [N] or [N, ...], ``groups`` [N] of any sortable type. ``statistic`` maps resampled values to a number;
    the default is the mean, which leaves NaN values out and costs a fraction of a second for a million values. With
    fewer than ``MIN_GROUPS`` groups the ends are NaN.
    """
    rows, labels = np.asarray(values, dtype=np.float64), np.asarray(groups)
    if labels.shape != rows.shape[:1]:
        raise ValueError(f"groups have shape {labels.shape}; {len(rows)} values need one each")
    if statistic is None:
        kept = ~np.isnan(rows)
        rows, labels = rows[kept], labels[kept]
    if not len(rows):
        return Interval(nan, nan, nan)
    codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
    value = float(rows.mean() if statistic is None else statistic(rows))
    num_groups = int(codes.max()) + 1
    if num_groups < MIN_GROUPS:
        return Interval(value, nan, nan)
    rng = np.random.default_rng(seed)
    if statistic is None:
        draws = _resampled_means(rows, codes, num_groups, num_resamples, rng)
    else:
        draws = _resampled(rows, codes, num_groups, num_resamples, rng, statistic)
    if not np.isfinite(draws).any():
        return Interval(value, nan, nan)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _resampled_means(
    values: NDArray[np.float64], codes: NDArray[np.intp], num_groups: int, num_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means of the resamples, from the sum and the size of each group alone.

    Groups of equal sum and size are interchangeable, so the multinomial draw runs over their kinds: for accuracies a
    handful, however many groups there are.
    """
    sums = np.bincount(codes, weights=values, minlength=num_groups)
    sizes = np.bincount(codes, minlength=num_groups)
    kinds, counts = np.unique(np.column_stack([sums, sizes]), axis=0, return_counts=True)
    if len(kinds) > 10_000:
        picks = (
            np.bincount(rng.integers(num_groups, size=num_groups), minlength=num_groups) for _ in range(num_resamples)
        )
        return np.array([(p @ sums) / (p @ sizes) for p in picks])
    drawn = rng.multinomial(num_groups, counts / num_groups, size=num_resamples)
    means: NDArray[np.float64] = (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
    return means


def _resampled(
    values: NDArray[np.float64],
    codes: NDArray[np.intp],
    num_groups: int,
    num_resamples: int,
    rng: np.random.Generator,
    statistic: Callable[[NDArray[np.float64]], float],
) -> NDArray[np.float64]:
    ordered = values[np.argsort(codes, kind="stable")]
    sizes = np.bincount(codes, minlength=num_groups)
    starts = np.cumsum(sizes) - sizes
    draws = np.empty(num_resamples)
    for i in range(num_resamples):
        picks = rng.integers(num_groups, size=num_groups)
        before = np.cumsum(sizes[picks]) - sizes[picks]  # rows of the groups picked earlier
        rows = np.repeat(starts[picks] - before, sizes[picks])
        draws[i] = statistic(ordered[rows + np.arange(len(rows))])
    return draws


def wilson(num_hits: int, num_trials: int) -> Interval:
    """A share with Wilson's score interval, which stays inside [0, 1] and is honest for few trials.

    No trials: the share is NaN and the interval [0, 1].
    """
    if not 0 <= num_hits <= num_trials:
        raise ValueError(f"{num_hits} hits in {num_trials} trials")
    if num_trials == 0:
        return Interval(nan, 0.0, 1.0)
    share = num_hits / num_trials
    low, high = score_ends(share, num_trials, NormalDist().inv_cdf(0.5 + LEVEL / 2))
    return Interval(share, low, high)


def score_ends(share: float, number: float, z: float) -> tuple[float, float]:
    """Wilson's ends: the shares from which ``share`` of ``number`` trials is less than z standard errors away."""
    scale = 1 + z * z / number
    centre = (share + z * z / (2 * number)) / scale
    half = z * sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2) / scale
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return low, high


def without_spread(value: float, widest: float, num_groups: int) -> Interval:
    """Of a mean difference that every group shows alike: resampling sees no spread there and would claim certainty.

    Wilson's bound on the share of groups that could show another one, at most ``widest`` (1 for shares), takes its
    place.
    """
    sure = wilson(num_groups, num_groups).low
    return Interval(value, sure * value - (1 - sure) * widest, sure * value + (1 - sure) * widest)


def standard_error(values: ArrayLike, groups: ArrayLike) -> float:
    """Of the mean of values [N], where whole groups [N] vary: what the bootstrap over groups tends to, in closed form.

    NaN with fewer than two groups.
    """
    rows = np.asarray(values, dtype=np.float64)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    num_groups = int(codes.max()) + 1 if len(codes) else 0
    if num_groups < 2:
        return nan
    pulls = np.bincount(codes, weights=rows - rows.mean(), minlength=num_groups)
    return float(sqrt((pulls**2).sum() * num_groups / (num_groups - 1)) / len(rows))


def number_to_see(difference: float, error: float, number: int) -> int | None:
    """Items with which a difference would be seen, where ``number`` of them have a standard error ``error``.

    As if all that varies shrank as items become more. Rounded up to two digits; None without spread or difference.
    """
    if not (isfinite(error) and error and difference):
        return None
    needed = number * (SEEN * error / difference) ** 2
    unit = int(10 ** max(0, floor(log10(needed)) - 1))
    return ceil(needed / unit) * unit
