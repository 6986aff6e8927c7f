"""How well a score ranks what is sought above what is not, and how alike two scores rank."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """P(a positive scores above a negative), equal scores counting half; 0.5 is chance.

    NaN where there is no positive or no negative. Infinite scores rank as they should; NaN scores raise ValueError,
    since they have no rank.
    """
    ranked = np.asarray(scores, dtype=np.float64)
    mask = np.asarray(positive, dtype=bool)
    if ranked.shape != mask.shape:
        raise ValueError(f"shapes differ: scores {ranked.shape}, positive {mask.shape}")
    if np.isnan(ranked).any():
        raise ValueError(f"{int(np.isnan(ranked).sum())} of {len(ranked)} scores are NaN and have no rank")
    level = np.unique(ranked, return_inverse=True)[1].reshape(-1)
    hits = np.bincount(level, weights=mask)
    misses = np.bincount(level, weights=~mask)
    total = hits.sum() * misses.sum()
    if total <= 0:
        return nan
    below = np.cumsum(misses) - misses
    return float((hits * (below + 0.5 * misses)).sum() / total)


def average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts + 1) / 2)[inverse])


def rank_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Spearman's rho over the pairs where both are known; None with fewer than three of them or without variation."""
    keep = np.isfinite(x) & np.isfinite(y)
    if keep.sum() < 3:
        return None
    a, b = average_ranks(x[keep]), average_ranks(y[keep])
    if a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
