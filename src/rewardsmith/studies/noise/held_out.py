"""The labels by which every arm chooses its regularisation, on pairs that it did not train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.studies.noise.arms import Arm, stack_supervision
from rewardsmith.studies.noise.calibration import calibrated_likelihood, fit_calibration
from rewardsmith.studies.noise.trial import Trial

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
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
    def of(cls, trial: Trial, arms: Sequence[Arm]) -> HeldOut:
        """All training pairs of a cell."""
        facts = trial.train.facts
        given = np.stack([trial.given if arm.given is None else arm.given for arm in arms], axis=1)
        if trial.choose_by == "given":
            return cls(given, given, np.ones_like(given), facts.longer, facts.clusters)
        own = stack_supervision(arms, "target"), stack_supervision(arms, "weight")
        return cls(given, *own, facts.longer, facts.clusters)

    @property
    def num_arms(self) -> int:
        """A."""
        return len(self.labels.T)

    def take(self, rows: NDArray[np.int64]) -> HeldOut:
        """Some of the pairs."""
        return HeldOut(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def likelihood(self, gaps: Floats) -> Floats:
        """Mean log likelihood [A] of the labels under gaps [N, A], calibrated."""
        return calibrated_likelihood(gaps, self.labels, self.longer, self.clusters, self.weight)

    def scales(self, gaps: Floats) -> Floats:
        """What makes gaps logits of the given labels [A]; 0 where they point the other way."""
        return np.maximum(fit_calibration(gaps, self.given, self.longer).scale, 0.0)
