"""How probable gaps make labels, in the gaps' best units and whatever the labels' preference for length.

    P(chosen is labelled better) = sigmoid( scale * gap + offset * longer ),     scale >= 0

Margins stretch gaps, so a penalty must not be chosen for its units; and an arm whose labels were repaired must not be
held to a bias of the labels that it is judged by. Both numbers are fitted, for plain arms as for all others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardsmith.metrics.calibration import probability

MAX_STEPS = 50
LARGEST_STEP = 2.0  # logits, for gaps of one root mean square
TOLERANCE = 1e-6

Floats = NDArray[np.float64]


class Calibration(NamedTuple):
    """One number a column."""

    scale: Floats
    offset: Floats
    likelihood: Floats
    """Mean log likelihood of the labels."""


def calibrate(gaps: Floats, given: Floats, longer: Floats) -> Calibration:
    """The likeliest scale and offset for each column of gaps [N, A] and labels [N, A]; ``longer`` [N] is 1, -1 or 0.

    Newton's method on a concave likelihood, with short steps, since labels that agree with every gap have no finite
    best scale. Gaps that are all 0, or point away from the labels, get scale 0.
    """
    unit = np.sqrt(np.square(gaps).mean(axis=0))
    scaled = gaps / np.where(unit > 0, unit, 1.0)
    found = _climb(scaled, given, longer, np.ones(gaps.shape[1]))
    wrong_way = (found[0] < 0) | (unit == 0)
    if wrong_way.any():
        found = np.where(wrong_way, _climb(scaled, given, longer, np.zeros(gaps.shape[1])), found)
    logits = found[0] * scaled + longer[:, None] * found[1]
    likelihood = (given * logits - np.logaddexp(0, logits)).mean(axis=0)
    return Calibration(found[0] / np.where(unit > 0, unit, 1.0), found[1], likelihood)


def _climb(scaled: Floats, given: Floats, longer: Floats, free: Floats) -> Floats:
    """[2, A]: scale (held at 0 where ``free`` is 0) and offset."""
    scale, offset = np.zeros(len(free)), np.zeros(len(free))
    side = longer[:, None]
    number = len(scaled)
    for _ in range(MAX_STEPS):
        chance = probability(scale * scaled + side * offset)
        missing, bend = given - chance, chance * (1 - chance)
        slope = np.stack([free * (missing * scaled).sum(axis=0), (missing * side).sum(axis=0)]) / number
        # A ridge far below what a label weighs keeps a column that says nothing (no lengths, equal gaps) in place.
        a = (bend * np.square(scaled)).sum(axis=0) / number + 1e-9
        b = free * (bend * scaled * side).sum(axis=0) / number
        c = (bend * np.square(side)).sum(axis=0) / number + 1e-9
        determinant = a * c - b * b
        step = np.stack([c * slope[0] - b * slope[1], a * slope[1] - b * slope[0]]) / np.maximum(determinant, 1e-18)
        step = np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        scale, offset = scale + free * step[0], offset + step[1]
        if np.abs(step).max() <= TOLERANCE:
            break
    return np.stack([scale, offset])
