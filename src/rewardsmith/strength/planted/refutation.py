"""What a planted copy refutes of ``p_wrong``, and ``p_wrong`` without it.

In a copy every flip is known. If the judges' evidence is what p_wrong takes it for, the odds that a label was flipped
rise with the odds of p_wrong, one to one:

    log odds(flipped | p_wrong) = a + slope * log LR,      LR = ((1 - e) L + e) / ((1 - e) + e L),
    L = odds(p_wrong) / odds(share wrong in the copy)

LR makes allowance for the share e of labels that were wrong before. A slope that is surely under 1 says that the
evidence is weaker than it was taken for, and p_wrong moves towards its mean by as much as is sure. The slope of a pair
comes from the other folds of groups, so that no pair's own flip has a say in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from rewardsmith.strength.label_noise.posterior import design_effect
from rewardsmith.strength.planted.planted_copy import PlantedCopy

NUM_FOLDS = 5
SURE = 1.645  # standard errors: one end of a 90 % interval
LEAST = 1e-6  # of a probability, where log odds are taken
NUM_STEPS = 50

Floats = NDArray[np.float64]


def unrefuted(p_wrong: Floats, groups: NDArray[np.int64], copy: PlantedCopy, share: float) -> tuple[Floats, float]:
    """``p_wrong`` [N] shrunk towards its mean where ``copy`` refutes it, and the mean factor (1: nothing refuted).

    ``groups`` [N] are those of the copy; ``share`` is the share of wrong labels of the set. NaN stays NaN.
    """
    codes = np.unique(groups, return_inverse=True)[1].reshape(-1)
    fold = np.random.default_rng(copy.seed).permutation(int(codes.max(initial=0)) + 1)[codes] % NUM_FOLDS
    evidence = log_ratio(copy.p_wrong, float(copy.p_wrong.mean()), share)
    inflation = design_effect(copy.gap, copy.groups)
    factors = np.ones(len(p_wrong))
    for k in range(NUM_FOLDS):
        others = fold[copy.seen] != k
        slope, error = flip_slope(evidence[others], copy.planted[others])
        factors[fold == k] = np.clip(slope + SURE * error * inflation**0.5, 0.0, 1.0)
    return shrunk(p_wrong, factors), float(factors.mean())


def shrunk(p_wrong: Floats, factors: Floats | float) -> Floats:
    """``p_wrong`` [N] with its log odds drawn towards their mean's by ``factors`` from 0 to 1. NaN stays NaN."""
    known = ~np.isnan(p_wrong)
    if not known.any() or np.all(np.asarray(factors) == 1):
        return p_wrong
    centre = logit(np.clip(np.mean(p_wrong[known]), LEAST, 1 - LEAST))
    odds = logit(np.clip(p_wrong, LEAST, 1 - LEAST))
    return np.asarray(np.where(np.asarray(factors) < 1, expit(centre + factors * (odds - centre)), p_wrong))


def log_ratio(p_wrong: Floats, share_in_copy: float, share: float) -> Floats:
    """Logarithm of P(evidence | flipped) / P(evidence | not), by what ``p_wrong`` [n] of the copy says."""
    odds = np.clip(p_wrong, LEAST, 1 - LEAST)
    base = float(np.clip(share_in_copy, LEAST, 1 - LEAST))
    ratio = np.exp(logit(odds) - logit(base))
    return np.asarray(np.log((1 - share) * ratio + share) - np.log((1 - share) + share * ratio))


def flip_slope(evidence: Floats, planted: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and standard error of the logistic regression of ``planted`` [n] on ``evidence`` [n].

    A slope of 0 with an infinite error where the evidence is the same everywhere, or all or none were planted.
    """
    if not evidence.std() or planted.all() or not planted.any():
        return 0.0, np.inf
    rows = np.column_stack([np.ones(len(evidence)), evidence])
    wanted, beta = planted.astype(np.float64), np.array([logit(planted.mean()), 1.0])
    ridge = np.diag([0.0, 1e-3])
    for _ in range(NUM_STEPS):
        chance = expit(rows @ beta)
        hessian = rows.T @ (rows * (chance * (1 - chance))[:, None]) + ridge
        step = np.linalg.solve(hessian, rows.T @ (wanted - chance) - ridge @ (beta - [0.0, 1.0]))
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[1]), float(np.linalg.inv(hessian)[1, 1] ** 0.5)
