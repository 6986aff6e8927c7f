"""By what every arm chooses its regularisation: how probable its gaps make labels of pairs that it did not train on.

Whatever the gaps' units and whatever bias the labels have. In each cluster of pairs (category),

    P(chosen is labelled better) = sigmoid( scale * gap + offset * longer )

with numbers of its own. Margins stretch gaps, and a penalty must not be chosen for its units. An arm whose labels were
repaired must not be held to the faults of the labels that it is judged by either: a preference for length is the
offset's, and in a cluster in which most labels are flipped the scale is 0: neither praise nor blame. Below 0 it
would praise heads that rank a cluster backwards. The same is done for every arm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardsmith.metrics.calibration import probability
from rewardsmith.studies.noise.arms import Arm, TrainingTask, stack_supervision

MAX_STEPS = 50
LARGEST_STEP = 2.0  # logits, for gaps of one root mean square
TOLERANCE = 1e-6
MIN_CLUSTER_PAIRS = 100

Floats = NDArray[np.float64]


class Chosen(NamedTuple):
    """The best regularisation of each arm [A], by its place in the grid, and the scale of its gaps there."""

    best: NDArray[np.int64]
    scale: Floats


@dataclass(frozen=True)
class HeldOutLabels:
    """N training pairs and their labels in the eyes of A arms."""

    given: Floats
    """[N, A], for the scale of the gaps."""
    labels: Floats
    """[N, A], and how much each counts."""
    weight: Floats
    longer: Floats
    """[N]: the sign of the difference in length."""
    clusters: NDArray[np.int64]

    @classmethod
    def of(cls, task: TrainingTask, arms: Sequence[Arm]) -> HeldOutLabels:
        """All training pairs of a cell."""
        columns = task.train.columns
        given = np.stack([task.given if arm.given is None else arm.given for arm in arms], axis=1)
        if task.choose_by == "given":
            return cls(given, given, np.ones_like(given), columns.longer, columns.clusters)
        own = stack_supervision(arms, "target"), stack_supervision(arms, "weight")
        return cls(given, *own, columns.longer, columns.clusters)

    @property
    def num_arms(self) -> int:
        return len(self.labels.T)

    def take(self, rows: NDArray[np.int64]) -> HeldOutLabels:
        return HeldOutLabels(*(getattr(self, field.name)[rows] for field in fields(self)))

    def likelihood(self, gaps: Floats) -> Floats:
        """Mean log likelihood [A] of the labels under gaps [N, A], calibrated."""
        return calibrated_likelihood(gaps, self.labels, self.longer, self.clusters, self.weight)

    def scales(self, gaps: Floats) -> Floats:
        """What makes gaps logits of the given labels [A]; 0 where they point the other way."""
        return np.maximum(fit_calibration(gaps, self.given, self.longer).scale, 0.0)

    def choose(self, gaps: Sequence[Floats]) -> Chosen:
        """For each arm the likeliest of several gaps, each [N, A]; of equals the first."""
        best = np.stack([self.likelihood(own) for own in gaps]).argmax(axis=0)
        return Chosen(best, np.array([self.scales(gaps[index])[a] for a, index in enumerate(best)]))


class Fit(NamedTuple):
    """One number a column."""

    scale: Floats
    offset: Floats
    likelihood: Floats
    """Sum of the log likelihoods of the labels."""


def calibrated_likelihood(
    gaps: Floats, labels: Floats, longer: Floats, clusters: NDArray[np.int64], weight: Floats | None = None
) -> Floats:
    """Mean log likelihood [A] of labels [N, A] under gaps [N, A], calibrated in each cluster, by scales of 0 or more.

    ``longer`` [N] is 1, -1 or 0; ``weight`` [N, A] is 1 by default. Clusters of fewer than a hundred pairs are
    calibrated together.
    """
    weight = np.ones_like(gaps) if weight is None else weight
    sizes = np.bincount(clusters)
    own = np.where(sizes[clusters] >= MIN_CLUSTER_PAIRS, clusters, -1)
    total = np.zeros(gaps.shape[1])
    for code in np.unique(own):
        inside = own == code
        given = (labels[inside], longer[inside], weight[inside])
        fit = fit_calibration(gaps[inside], *given)
        backwards = fit.scale < 0
        total += fit.likelihood
        if backwards.any():
            total[backwards] += (fit_calibration(0 * gaps[inside], *given).likelihood - fit.likelihood)[backwards]
    return np.asarray(total / np.maximum(weight.sum(axis=0), 1e-12))


def fit_calibration(gaps: Floats, labels: Floats, longer: Floats, weight: Floats | None = None) -> Fit:
    """The likeliest scale and offset for each column, by Newton's method.

    Steps are short and their number is bounded, since labels that agree with every gap have no finite best scale.
    """
    weight = np.ones_like(gaps) if weight is None else weight
    unit = np.sqrt(np.square(gaps).mean(axis=0))
    unit = np.where(unit > 0, unit, 1.0)
    scaled, side, number = gaps / unit, longer[:, None], np.maximum(weight.sum(axis=0), 1e-12)
    scale, offset = np.zeros(gaps.shape[1]), np.zeros(gaps.shape[1])
    for _ in range(MAX_STEPS):
        chance = probability(scale * scaled + side * offset)
        missing, bend = weight * (labels - chance), weight * chance * (1 - chance)
        slope = np.stack([(missing * scaled).sum(axis=0), (missing * side).sum(axis=0)]) / number
        # A ridge far below what a label weighs keeps a column that says nothing (no lengths, no gaps) in place.
        a = (bend * np.square(scaled)).sum(axis=0) / number + 1e-9
        b = (bend * scaled * side).sum(axis=0) / number
        c = (bend * np.square(side)).sum(axis=0) / number + 1e-9
        determinant = np.maximum(a * c - b * b, 1e-18)
        step = np.stack([c * slope[0] - b * slope[1], a * slope[1] - b * slope[0]]) / determinant
        step = np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        scale, offset = scale + step[0], offset + step[1]
        if np.abs(step).max() <= TOLERANCE:
            break
    logits = scale * scaled + side * offset
    return Fit(scale / unit, offset, (weight * (labels * logits - np.logaddexp(0, logits))).sum(axis=0))
