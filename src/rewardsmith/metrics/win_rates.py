"""How often one side wins: as it is, and at equal lengths. A credit is 1 for a win, 0 for a loss, 0.5 for a tie."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from rewardsmith.metrics.intervals import MIN_GROUPS, Interval, group_bootstrap, without_spread

Floats = NDArray[np.float64]
MAX_STEPS, STEP_TOLERANCE = 100, 1e-10


def win_rate(credits: ArrayLike, groups: ArrayLike, num_resamples: int = 1000, seed: int = 0) -> Interval:
    """(wins + ties / 2) / n of credits [N], with an interval over whole groups [N], the prompts. NaN credits are out.

    No ends with fewer than ``MIN_GROUPS`` groups; where all credits are alike, the interval is ``without_spread``.
    """
    values, labels = np.asarray(credits, dtype=np.float64), np.asarray(groups)
    known = ~np.isnan(values)
    values, labels = values[known], labels[known]
    num_groups = len(np.unique(labels))
    if num_groups >= MIN_GROUPS and np.ptp(values) == 0:
        interval = without_spread(float(values[0]) - 0.5, 0.5, num_groups)
        return Interval(float(values[0]), interval.low + 0.5, interval.high + 0.5)
    return group_bootstrap(values, labels, num_resamples=num_resamples, seed=seed)


def length_controlled_rate(credits: ArrayLike, length_gaps: ArrayLike, groups: ArrayLike) -> Interval:
    """The win rate that is predicted where both responses are equally long.

    logit p = a + b tanh(gap / sd(gap)), fitted by maximum likelihood to credits [N] (ties count half on either side);
    the rate is sigmoid(a). After the idea of Dubois et al. 2024 (arXiv 2404.04475), whose own rate also has a term for
    each of their prompts. NaN where length alone tells winners from losers.
    """
    values, gaps = (np.asarray(each, dtype=np.float64) for each in (credits, length_gaps))
    labels = np.asarray(groups)
    if not len(values):
        return Interval(nan, nan, nan)
    scale = gaps.std()
    x = np.tanh(gaps / scale) if scale > 0 else np.zeros_like(gaps)
    rows = np.column_stack([values, x])
    if np.ptp(values) == 0:
        return Interval(_rate_at_zero(rows), nan, nan)
    return group_bootstrap(rows, labels, _rate_at_zero)


def _rate_at_zero(rows: Floats) -> float:
    """sigmoid(a) of credits and x [N, 2]."""
    y, x = rows[:, 0], rows[:, 1]
    won, lost = x[y > 0], x[y < 1]
    if not len(lost) or not len(won):
        return float(y[0])
    if np.ptp(x) == 0:
        return float(y.mean())
    if max(won.min() - lost.max(), lost.min() - won.max()) >= 0:  # the likelihood has no maximum
        return nan
    a, b = 0.0, 0.0
    for _ in range(MAX_STEPS):
        p = expit(a + b * x)
        curve, pull = p * (1 - p), y - p
        hessian = np.array([[curve.sum(), (curve * x).sum()], [(curve * x).sum(), (curve * x * x).sum()]])
        step = np.linalg.solve(hessian, [pull.sum(), (pull * x).sum()])
        step /= max(1.0, float(np.abs(step).max()))  # so that it cannot overshoot without end
        a, b = a + step[0], b + step[1]
        if np.abs(step).max() < STEP_TOLERANCE:
            return float(expit(a))
    return nan
