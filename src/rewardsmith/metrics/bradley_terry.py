"""Ratings of several sides from who won against whom."""

from __future__ import annotations

from math import ceil, log, log2, nan

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.special import expit

from rewardsmith.metrics.intervals import LEVEL, MIN_GROUPS, Interval

SCALE, BASE = 400.0, 10.0
"""A rating higher by 400 is odds of 10 to 1."""
MAX_STEPS, STEP_TOLERANCE = 100, 1e-9


def ratings(wins: Float[NDArray[np.float64], "... F F"]) -> Float[NDArray[np.float64], "... F"]:
    """Bradley-Terry ratings from wins [winner, loser], a tie being half a win of either: the first side has 0.

    P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)), fitted by maximum likelihood. All NaN where there is no maximum:
    unless every side can be reached from every other by wins (Ford 1957).
    """
    is_rated = _all_reached(wins)
    wins = np.where(is_rated[..., None, None], wins, 1.0)
    games = wins + np.swapaxes(wins, -1, -2)
    strength = np.zeros(wins.shape[:-1])
    for _ in range(MAX_STEPS):
        p = expit(strength[..., :, None] - strength[..., None, :])
        pull = (wins - games * p).sum(axis=-1)
        curve = games * p * (1 - p)
        hessian = np.eye(wins.shape[-1]) * curve.sum(axis=-1)[..., None] - curve
        step = np.zeros_like(strength)
        step[..., 1:] = np.linalg.solve(hessian[..., 1:, 1:], pull[..., 1:, None])[..., 0]
        size = np.abs(step).max(axis=-1, keepdims=True, initial=0.0)
        strength += step / np.maximum(1.0, size)  # so that it cannot overshoot without end
        if size.max(initial=0.0) < STEP_TOLERANCE:
            break
    return np.where(is_rated[..., None], strength * SCALE / log(BASE), nan)


def rating_intervals(
    wins: Float[NDArray[np.float64], "G F F"], num_resamples: int = 1000, seed: int = 0
) -> list[Interval]:
    """The rating of each side with an interval of the bootstrap over the groups G, the prompts.

    No ends with fewer than ``MIN_GROUPS`` groups, nor where more than a twentieth of the resamples have no rating.
    """
    values = ratings(wins.sum(axis=0))
    num_groups, tail = len(wins), (1 - LEVEL) / 2
    low = high = np.full_like(values, nan)
    if num_groups >= MIN_GROUPS and not np.isnan(values).any():
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=num_resamples)
        draws = ratings(np.tensordot(drawn.astype(np.float64), wins, axes=1))
        if np.isnan(draws[:, 0]).mean() <= 1 - LEVEL:
            low, high = np.nanquantile(draws, [tail, 1 - tail], axis=0)
            low[0] = high[0] = nan  # it is what the others are measured from
    return [Interval(*map(float, ends)) for ends in zip(values, low, high, strict=True)]


def _all_reached(wins: Float[NDArray[np.float64], "... F F"]) -> Bool[NDArray[np.bool_], ...]:
    """Whether every side can be reached from every other by wins."""
    number = wins.shape[-1]
    reached = (wins > 0) | np.eye(number, dtype=bool)
    for _ in range(ceil(log2(number)) if number > 1 else 0):
        reached = reached @ reached
    return np.asarray(reached.all(axis=(-1, -2)))
