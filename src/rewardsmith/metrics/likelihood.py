"""How probable a reward model finds the labels."""

from __future__ import annotations

from math import nan

import numpy as np
from numpy.typing import ArrayLike


def negative_log_likelihood(gaps: ArrayLike, target: ArrayLike = 1.0) -> float:
    """Mean of -target * log sigmoid(gap) - (1 - target) * log sigmoid(-gap); log 2 is what constant rewards reach.

    Label ties (target 0.5) count: they cost least at gap 0. Margins and weights of training do not enter. NaN for no
    pairs.
    """
    gap = np.asarray(gaps, dtype=np.float64)
    if not gap.size:
        return nan
    wanted = np.asarray(target, dtype=np.float64)
    return float((wanted * np.logaddexp(0, -gap) + (1 - wanted) * np.logaddexp(0, gap)).mean())
