"""How probable a reward model finds the labels."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pair_surprise(gaps: ArrayLike, target: ArrayLike = 1.0) -> NDArray[np.float64]:
    """-target * log sigmoid(gap) - (1 - target) * log sigmoid(-gap) of each pair [N]; log 2 at gap 0."""
    gap, wanted = np.asarray(gaps, dtype=np.float64), np.asarray(target, dtype=np.float64)
    return np.asarray(wanted * np.logaddexp(0, -gap) + (1 - wanted) * np.logaddexp(0, gap))


def negative_log_likelihood(gaps: ArrayLike, target: ArrayLike = 1.0) -> float:
    """Mean of ``pair_surprise``; log 2 is what constant rewards reach.

    Label ties (target 0.5) count: they cost least at gap 0. Margins and weights of training do not enter. NaN for no
    pairs.
    """
    surprise = pair_surprise(gaps, target)
    return float(surprise.mean()) if surprise.size else nan
