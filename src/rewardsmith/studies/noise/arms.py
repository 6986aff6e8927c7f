"""What takes part in a cell, and what a trainer makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.trials.splits import Split

Floats = NDArray[np.float64]
Form = Literal["plain", "debiased", "early_stopping", "noise_aware"]
"""Of training. `debiased`: which response is the longer one is a column of its own in training, and 0 in the test;
`early_stopping`: the number of steps is chosen, not the penalty; `noise_aware`: error rates are part of the loss."""


@dataclass(frozen=True)
class Arm:
    """One training of a cell: the supervision of its training pairs [N] and how the trainer is to take it."""

    name: str
    supervision: Supervision
    form: Form = "plain"
    given: Floats | None = None
    """The labels by which the arm's regularisation is chosen, where they are not the noisy ones."""
    error_rates: Floats | None = None
    """[N, 2], for `noise_aware`: P(labelled better | worse) of the chosen and of the rejected response."""
    without_folds: Mapping[int, Arm] = field(default_factory=dict)
    """By inner fold, what the arm is where nobody saw the fold's labels; none: the same as with them."""

    def without(self, fold: int) -> Arm:
        """What the arm learns where an inner fold judges it. Not to train on the fold is up to the trainer."""
        return self.without_folds.get(fold, self)


def stack_supervision(arms: Sequence[Arm], name: Literal["target", "margin", "weight"]) -> Floats:
    """One number of the arms' supervision side by side, [N, A]."""
    return np.stack([getattr(arm.supervision, name) for arm in arms], axis=1)


@dataclass(frozen=True)
class TrainingTask:
    """What a cell gives to its trainer besides the arms: a set, divided, with noisy labels on its training pairs."""

    pairs: StudyPairs
    split: Split
    reordered: NDArray[np.bool_]
    """Training pairs whose two responses changed places: arms speak of them as they are then."""
    train: StudyPairs
    """The training pairs, responses in their new places."""
    given: Floats
    """Their noisy labels."""
    seed: int = 0
    choose_by: Literal["given", "own"] = "given"


@dataclass(frozen=True)
class Trained:
    """What an arm says of the test pairs."""

    name: str
    gaps: Floats
    """[N test], chosen minus rejected, in the model's own units."""
    scale: float
    """Makes ``gaps`` logits; fitted to the given labels of held-out training pairs."""
    choice: str
    """The regularisation that was chosen."""
    at_end_of_grid: bool
    """It is the weakest or the strongest on offer."""


class Trainer(Protocol):
    """Trains arms on the same pairs; whatever it chooses for an arm rests on that arm's labels alone."""

    @property
    def inner_folds(self) -> tuple[int, ...]:
        """Those that judge arms while it chooses: arms are to be known without their labels."""
        ...

    def train(self, arms: Sequence[Arm]) -> list[Trained]:
        """In the order of the arms."""
        ...
