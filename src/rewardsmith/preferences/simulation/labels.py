"""Labels of simulated pairs, from true gaps to what a data set would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.preferences.simulation.annotators import check_skills, first_wins, pick_ties
from rewardsmith.preferences.simulation.flips import pick_flips


@dataclass(frozen=True)
class LabelOptions:
    """How true gaps become labels."""

    annotator: str = "exact"
    annotator_skills: tuple[float, ...] = (1.0,)
    flips: str = "uniform"
    flip_rate: float = 0.0
    tie_rate: float = 0.0


@dataclass(frozen=True)
class Labels:
    """Each array has shape [N]; ties have ``flipped`` False, and their winner is arbitrary."""

    first_wins: NDArray[np.bool_]
    flipped: NDArray[np.bool_]
    tie: NDArray[np.bool_]
    annotator: NDArray[np.int64]


def label_pairs(
    true_gap: NDArray[np.float64],
    longer_by: NDArray[np.float64],
    category: NDArray[np.int64],
    options: LabelOptions,
    rng: np.random.Generator,
) -> Labels:
    """One label a pair. ``true_gap`` and ``longer_by`` are first minus second.

    Order: an annotator drawn evenly judges the pair; close pairs become ties; then labels that are not ties are
    flipped. So ``flip_rate`` counts planted flips only, on top of what the annotators get wrong by themselves.
    """
    skills = check_skills(options.annotator_skills)
    annotator = rng.integers(len(skills), size=len(true_gap))
    wins = first_wins(true_gap, skills[annotator], options.annotator, rng)
    tie = pick_ties(true_gap, options.tie_rate, rng)
    winner_longer_by = np.where(wins, longer_by, -longer_by)
    flipped = pick_flips(options.flips, options.flip_rate, true_gap, winner_longer_by, category, ~tie, rng)
    return Labels(wins ^ flipped, flipped, tie, annotator)
