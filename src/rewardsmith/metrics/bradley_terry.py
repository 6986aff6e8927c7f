"""Ratings of several sides from who won against whom."""

from __future__ import annotations

from math import log, nan

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from rewardsmith.metrics.intervals import LEVEL, MIN_GROUPS, Interval

Floats = NDArray[np.float64]
SCALE, BASE = 400.0, 10.0
"""A rating higher by 400 is odds of 10 to 1."""
MAX_STEPS, STEP_TOLERANCE = 100, 1e-9


def ratings(wins: Float[NDArray[np.float64], "F F"]) -> Float[NDArray[np.float64], " F"]:
    """Bradley-Terry ratings from wins [winner, loser], a tie being half a win of either: the first side has 0.

    P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)), fitted by maximum likelihood. All NaN where there is no maximum:
    unless every side can be reached from every other by wins (Ford 1957).
    """
    number = len(wins)
    if number == 1 or connected_components(wins > 0, directed=True, connection="strong")[0] > 1:
        return np.full(number, 0.0 if number == 1 else nan)
    games = wins + wins.T
    strength = np.zeros(number)
    for _ in range(MAX_STEPS):
        p = 1 / (1 + np.exp(strength[None, :] - strength[:, None]))
        pull = (wins - games * p).sum(axis=1)
        curve = games * p * (1 - p)
        hessian = np.diag(curve.sum(axis=1)) - curve
        step = np.concatenate([[0.0], np.linalg.solve(hessian[1:, 1:], pull[1:])])
        step /= max(1.0, float(np.abs(step).max()))  # so that it cannot overshoot without end
        strength += step
        if np.abs(step).max() < STEP_TOLERANCE:
            break
    return strength * SCALE / log(BASE)


def rating_intervals(
    wins: Float[NDArray[np.float64], "G F F"], num_resamples: int = 1000, seed: int = 0
) -> list[Interval]:
    """The rating of each side with an interval of the bootstrap over the groups G, the prompts.

    No ends with fewer than ``MIN_GROUPS`` groups, nor where more than a twentieth of the resamples have no rating.
    """
    values = ratings(wins.sum(axis=0))
    num_groups, tail = len(wins), (1 - LEVEL) / 2
    if num_groups < MIN_GROUPS or np.isnan(values).any():
        return [Interval(float(value), nan, nan) for value in values]
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=num_resamples)
    totals = np.tensordot(drawn.astype(np.float64), wins, axes=1)
    draws = np.stack([ratings(one) for one in totals])
    if np.isnan(draws[:, 0]).mean() > 1 - LEVEL:
        return [Interval(float(value), nan, nan) for value in values]
    low, high = np.nanquantile(draws, [tail, 1 - tail], axis=0)
    low[0] = high[0] = nan  # it is what the others are measured from
    return [Interval(*map(float, ends)) for ends in zip(values, low, high, strict=True)]
