"""The four classes of the paper and its twenty groups, by stated rules."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.tables import STRENGTH_CLASSES

NUM_BINS = 20
WRONG = 0.5
UNDECIDED = 0.6
SURE = 0.9


def strength_classes(
    belief: NDArray[np.float64], p_wrong: NDArray[np.float64], decided: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Index into ``STRENGTH_CLASSES`` for each pair [N]; -1 where nothing is known.

    incorrect: the label is more likely wrong than right (p_wrong > 0.5). ambiguous: the judges cannot tell the
    responses apart (belief between 0.4 and 0.6). strong: the judges are sure of the label (belief of 0.9 or more).
    Labels that call a tie are ambiguous. normal: all others. The paper cuts at fixed quantiles instead; here the
    data decide how many of each there are.
    """
    names = {name: index for index, name in enumerate(STRENGTH_CLASSES)}
    classes = np.full(len(belief), names["normal"], dtype=np.int8)
    classes[np.abs(belief - 0.5) < UNDECIDED - 0.5] = names["ambiguous"]
    classes[belief >= SURE] = names["strong"]
    classes[~decided] = names["ambiguous"]
    classes[p_wrong > WRONG] = names["incorrect"]
    classes[np.isnan(belief)] = -1
    return classes


def strength_bins(strength: NDArray[np.float64]) -> NDArray[np.int32]:
    """Which of 20 groups of equal size, by rising strength, a pair belongs to (paper, section 2.2); -1 for NaN."""
    bins = np.full(len(strength), -1, dtype=np.int32)
    seen = np.flatnonzero(~np.isnan(strength))
    order = seen[np.argsort(strength[seen], kind="stable")]
    bins[order] = np.arange(len(order)) * NUM_BINS // max(1, len(order))
    return bins
