"""How well a score ranks what is sought above what is not."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike


def auroc(scores: ArrayLike, positive: ArrayLike, weight: ArrayLike | None = None) -> float:
    """P(a positive scores above a negative), equal scores counting half; 0.5 is chance.

    ``weight`` [N] counts each row that much. NaN where there is no positive or no negative. Infinite scores rank as
    they should; NaN scores raise ValueError, since they have no rank.
    """
    ranked = np.asarray(scores, dtype=np.float64)
    mask = np.asarray(positive, dtype=bool)
    weights = np.ones_like(ranked) if weight is None else np.asarray(weight, dtype=np.float64)
    if not ranked.shape == mask.shape == weights.shape:
        raise ValueError(f"shapes differ: scores {ranked.shape}, positive {mask.shape}, weight {weights.shape}")
    if np.isnan(ranked).any():
        raise ValueError(f"{int(np.isnan(ranked).sum())} of {len(ranked)} scores are NaN and have no rank")
    level = np.unique(ranked, return_inverse=True)[1].reshape(-1)
    hits = np.bincount(level, weights=weights * mask)
    misses = np.bincount(level, weights=weights * ~mask)
    total = hits.sum() * misses.sum()
    if total <= 0:
        return nan
    below = np.cumsum(misses) - misses
    return float((hits * (below + 0.5 * misses)).sum() / total)
