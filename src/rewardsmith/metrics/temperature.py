"""The one number that turns reward gaps into probabilities: P(chosen is the better response) = sigmoid(gap / T).

T maximises the likelihood of held-out labels (Platt scaling without a constant, which a preference cannot have; Guo et
al. 2017, arXiv 1706.04599, for classifiers). In 1 / T the likelihood is concave, so there is one best value:

    sum_i (sigmoid(gap_i / T) - target_i) * gap_i = 0
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from rewardsmith.metrics.calibration import agreement, probability
from rewardsmith.metrics.intervals import LEVEL

NUM_FOLDS = 5
WIDEST = 4.0
"""Most that the high end of the interval may be times the low one: a temperature that is known to a factor of two."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature and its interval; over 1, the gaps were too large for how often they are right.

    0: every label agrees with its gap, and no finite gap is sure enough. Infinite: the gaps agree with the labels no
    more than chance does. The ends are NaN then, and where all pairs are of one group.
    """

    value: float
    low: float
    high: float

    @property
    def is_number(self) -> bool:
        """Whether gaps can be divided by it."""
        return 0 < self.value < inf

    @property
    def is_usable(self) -> bool:
        """Whether it is known well enough for that to mean something."""
        return self.is_number and self.high <= WIDEST * self.low < inf


def fit_scale(gap: ArrayLike, target: ArrayLike = 1.0) -> float:
    """The factor a = 1 / T, from 0 to infinity, for which sigmoid(a * gap) makes the targets most likely.

    0 also without any gap that is not 0. The factor for c * gap is a / c.
    """
    gaps = np.asarray(gap, dtype=np.float64)
    wanted = np.broadcast_to(np.asarray(target, dtype=np.float64), gaps.shape)
    unit = float(np.abs(gaps).max()) if gaps.size else 0.0
    if unit == 0:
        return 0.0
    gaps = gaps / unit

    def slope(factor: float) -> float:
        return float((probability(factor * gaps) - wanted) @ gaps)

    if slope(0.0) >= 0:
        return 0.0
    if not ((1 - agreement(gaps, wanted)) * np.abs(gaps)).any():
        return inf
    high = 1.0
    while slope(high) < 0:
        high *= 2
    return float(brentq(slope, 0.0 if high == 1.0 else high / 2, high, xtol=1e-15, rtol=1e-12)) / unit


def fit_temperature(gap: ArrayLike, target: ArrayLike, groups: ArrayLike) -> Temperature:
    """The temperature of pairs [N], with a 95 % interval for which groups, not pairs, are independent.

    The interval is that of log T, by the sandwich of the groups' summed slopes: about that of a bootstrap over groups.
    """
    gaps, wanted = np.asarray(gap, dtype=np.float64), np.asarray(target, dtype=np.float64)
    factor = fit_scale(gaps, wanted)
    value = 1 / factor if factor else inf
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    num_groups = int(codes.max()) + 1 if len(codes) else 0
    if not 0 < factor < inf or num_groups < 2:
        return Temperature(value, nan, nan)
    chance = probability(factor * gaps)
    slopes = np.bincount(codes, weights=(chance - wanted) * gaps)
    curvature = (chance * (1 - chance) * np.square(gaps)).sum()
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # labels may leave T open: 0 to infinity
        error = np.sqrt(num_groups / (num_groups - 1) * (slopes @ slopes)) / (factor * curvature)
        low, high = value * np.exp(np.array([-1, 1]) * NormalDist().inv_cdf(0.5 + LEVEL / 2) * error)
    return Temperature(value, float(low), float(high))


def crossfitted_scales(gap: ArrayLike, target: ArrayLike, groups: ArrayLike, seed: int = 0) -> Floats | None:
    """The factor of each pair [N], fitted to the pairs of other groups only: what gap * factor is worth is honest.

    None with fewer than two groups, or where a fold's factor is infinite.
    """
    gaps, wanted = np.asarray(gap, dtype=np.float64), np.asarray(target, dtype=np.float64)
    codes = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    num_groups = int(codes.max()) + 1 if len(codes) else 0
    if num_groups < 2:
        return None
    fold = (np.random.default_rng(seed).permutation(num_groups) % min(NUM_FOLDS, num_groups))[codes]
    scales = np.empty(len(gaps))
    for index in range(int(fold.max()) + 1):
        inside = fold == index
        scales[inside] = fit_scale(gaps[~inside], wanted[~inside])
    return scales if np.isfinite(scales).all() else None
