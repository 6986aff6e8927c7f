"""What is computed one by one: a training with its held-out part, a test of what it made, a measurement of its cost."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.metrics.accuracy import pair_accuracy, pair_credit
from rewardsmith.metrics.calibration import negative_log_likelihood
from rewardsmith.metrics.temperature import fit_scale
from rewardsmith.trials.cell_log import credits_as_text

Floats = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Training:
    """One arm with one learning rate and one seed; also the place of its test."""

    seed: int
    arm: str
    learning_rate: float

    @property
    def key(self) -> str:
        """``plain 1e-05 seed 0``."""
        return f"{self.arm} {self.learning_rate:g} seed {self.seed}"


@dataclass(frozen=True)
class Pilot:
    """A few steps of an arm, for the forecast."""

    arm: str

    @property
    def key(self) -> str:
        """``plain``."""
        return self.arm


def folder_names(arms: Iterable[str]) -> dict[str, str]:
    """A name that every file system takes for each arm; no two have the same."""
    return {arm: f"{number}-{re.sub(r'[^A-Za-z0-9.]+', '-', arm)[:40]}" for number, arm in enumerate(arms)}


def held_out_numbers(gaps: Floats, target: Floats) -> dict[str, Any]:
    """How well gaps [N] foretell held-out labels, once one factor has made them logits.

    Without the factor, arms that stretch or shrink rewards would be blamed for their unit.
    """
    scale = fit_scale(gaps, target)
    if not isfinite(scale):  # every label agrees with its gap
        return {"accuracy": 1.0, "nll": 0.0, "scale": None}
    accuracy = pair_accuracy(gaps, target).accuracy_ties_half
    return {"accuracy": accuracy, "nll": negative_log_likelihood(scale * gaps, target), "scale": scale}


def numbers_of_test(gaps: Floats, target: Floats, scale: float | None) -> dict[str, Any]:
    """Accuracy over pairs whose label decides, ties of rewards half; likelihood in the units of the held-out part."""
    decided = target != 0.5
    credit = pair_credit(gaps[decided], target[decided])
    return {
        "accuracy": float(credit.mean()) if len(credit) else None,
        "nll": None if scale is None else negative_log_likelihood(scale * gaps, target),
        "credit": credits_as_text(credit),
    }
