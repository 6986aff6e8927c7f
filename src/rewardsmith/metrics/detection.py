"""How many of the flagged rows are right, and how many of the right ones are flagged."""

from __future__ import annotations

from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from rewardsmith.metrics.intervals import Interval, wilson


def precision_recall(flagged: ArrayLike, positive: ArrayLike) -> dict[str, float | int | None]:
    """Precision, recall (each with its Wilson interval) and F1 of a mask [N] against the truth [N].

    Keys: num_flagged, num_positive, num_found, precision, precision_low, precision_high, recall, recall_low,
    recall_high, f1. A share of nothing is None with the interval [0, 1].
    """
    flags, truth = np.asarray(flagged, dtype=bool), np.asarray(positive, dtype=bool)
    if flags.shape != truth.shape:
        raise ValueError(f"shapes differ: flagged {flags.shape}, positive {truth.shape}")
    num_flagged, num_positive, num_found = int(flags.sum()), int(truth.sum()), int((flags & truth).sum())
    either = num_flagged + num_positive
    return {
        "num_flagged": num_flagged,
        "num_positive": num_positive,
        "num_found": num_found,
        **_named("precision", wilson(num_found, num_flagged)),
        **_named("recall", wilson(num_found, num_positive)),
        "f1": 2 * num_found / either if either else None,
    }


def _named(name: str, interval: Interval) -> dict[str, float | int | None]:
    value = interval.value if isfinite(interval.value) else None
    return {name: value, f"{name}_low": interval.low, f"{name}_high": interval.high}
