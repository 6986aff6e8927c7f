"""How many of the flagged rows are right, and how many of the right ones are flagged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rewardsmith.contracts.metrics.planted import Detection
from rewardsmith.metrics.intervals import wilson


def precision_recall(flagged: ArrayLike, positive: ArrayLike) -> Detection:
    """Precision, recall (each with its Wilson interval) and F1 of a mask [N] against the truth [N].

    A share of nothing is None with the interval [0, 1].
    """
    flags, truth = np.asarray(flagged, dtype=bool), np.asarray(positive, dtype=bool)
    if flags.shape != truth.shape:
        raise ValueError(f"shapes differ: flagged {flags.shape}, positive {truth.shape}")
    num_flagged, num_positive, num_found = int(flags.sum()), int(truth.sum()), int((flags & truth).sum())
    precision, recall = wilson(num_found, num_flagged), wilson(num_found, num_positive)
    either = num_flagged + num_positive
    return {
        "num_flagged": num_flagged,
        "num_positive": num_positive,
        "num_found": num_found,
        "precision": precision.as_dict()["value"],
        "precision_low": precision.low,
        "precision_high": precision.high,
        "recall": recall.as_dict()["value"],
        "recall_low": recall.low,
        "recall_high": recall.high,
        "f1": 2 * num_found / either if either else None,
    }
