"""Labels of simulated pairs, from true gaps to what a data set would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError
from rewardsmith.preferences.simulation.annotators import check_skills, first_wins, pick_ties
from rewardsmith.preferences.simulation.flips import pick_flips


@dataclass(frozen=True)
class LabelOptions:
    """How true gaps become labels."""

    annotator: str = "exact"
    annotator_skills: tuple[float, ...] = (1.0,)
    votes_per_pair: int = 1
    flips: str = "uniform"
    flip_rate: float = 0.0
    tie_rate: float = 0.0


@dataclass(frozen=True)
class Labels:
    """Each array has shape [N]. Ties have ``flipped`` False, and which response stands first in them is arbitrary.

    ``annotator`` indexes the skills, and is -1 where several annotators voted. ``votes_first`` and ``votes_second``
    are 0 where every annotator said that the pair is a tie.
    """

    first_wins: NDArray[np.bool_]
    flipped: NDArray[np.bool_]
    tie: NDArray[np.bool_]
    annotator: NDArray[np.int64]
    votes_first: NDArray[np.int64]
    votes_second: NDArray[np.int64]


def label_pairs(
    true_gap: NDArray[np.float64],
    longer_by: NDArray[np.float64],
    category: NDArray[np.int64],
    options: LabelOptions,
    rng: np.random.Generator,
) -> Labels:
    """One label a pair. ``true_gap`` and ``longer_by`` are first minus second.

    Order: annotators, drawn evenly and with replacement, vote, and the majority is the label (an even split is a tie);
    the share ``tie_rate`` of the pairs, mostly close ones, is called a tie by everyone; then labels that are not ties
    are flipped, all votes of a pair together. So ``flip_rate`` counts planted flips only, as a share of the labels
    that are not ties, on top of what the annotators get wrong by themselves.
    """
    if options.votes_per_pair < 1:
        raise ConfigError(f"votes_per_pair {options.votes_per_pair}: at least 1 is needed.")
    num_votes, num_pairs = options.votes_per_pair, len(true_gap)
    skills = check_skills(options.annotator_skills)
    voters = rng.integers(len(skills), size=(num_votes, num_pairs))
    votes = np.zeros(num_pairs, dtype=np.int64)
    for voter in voters:
        votes += first_wins(true_gap, skills[voter], options.annotator, rng)
    called_tie = pick_ties(true_gap, options.tie_rate, rng)
    tie = called_tie | (2 * votes == num_votes)
    wins = np.where(tie, rng.random(num_pairs) < 0.5, 2 * votes > num_votes)

    winner_longer_by = np.where(wins, longer_by, -longer_by)
    flipped = pick_flips(options.flips, options.flip_rate, true_gap, winner_longer_by, category, ~tie, rng)
    votes = np.where(flipped, num_votes - votes, votes)
    return Labels(
        first_wins=wins ^ flipped,
        flipped=flipped,
        tie=tie,
        annotator=voters[0] if num_votes == 1 else np.full(num_pairs, -1),
        votes_first=np.where(called_tie, 0, votes),
        votes_second=np.where(called_tie, 0, num_votes - votes),
    )
