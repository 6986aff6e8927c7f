"""What the best of n responses is worth, for all n at once, from N responses to a prompt."""

from __future__ import annotations

from functools import cache
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def best_of_n(values: ArrayLike, rewards: ArrayLike) -> Floats:
    """Mean of ``values`` [N] at the best by ``rewards`` [N] of n drawn without repetition: [N], n = 1 to N.

    The response of rank i is best in C(i - 1, n - 1) of the C(N, n) draws (Coste et al. 2023, arXiv 2310.02743), so
    this is the mean over all of them, and unbiased. Responses of equal reward win equally often.
    """
    score, worth = np.asarray(rewards, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if score.shape != worth.shape or score.ndim != 1:
        raise ValueError(f"shapes differ: values {worth.shape}, rewards {score.shape}")
    _, level, counts = np.unique(score, return_inverse=True, return_counts=True)
    by_rank = np.repeat(np.bincount(level, weights=worth) / counts, counts)
    return _chances(len(score)) @ by_rank


@cache
def _chances(number: int) -> Floats:
    """[n - 1, rank - 1]: how often the response of this rank, 1 the worst, is the best of n.

    From n to n + 1 by a factor, as the numbers of draws overflow. A chance that fell falls for all larger n.
    """
    n, rank = np.arange(1, number)[:, None], np.arange(1, number + 1)
    factors = (rank - n).clip(min=0) * (n + 1) / (n * (number - n))
    return np.vstack([np.full(number, 1 / number), factors]).cumprod(axis=0)


def kl_bound(n: int) -> float:
    """Nats by which choosing the best of n moves a policy, at most: log n - (n - 1) / n (arXiv 2401.01879)."""
    return log(n) - (n - 1) / n
