"""Rewards of what a scorer takes, where some conversations are missing or refused by its chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer, Scores
from rewardsmith.errors import RefusedError


@dataclass(frozen=True)
class TakenScores:
    """Rewards [M, N] of N places, NaN where there is none."""

    members: NDArray[np.float32]
    refused: dict[int, str]
    """Place of each conversation that the scorer does not take, with the reason."""
    num_truncated: int


def score_taken(scorer: Scorer, conversations: Sequence[Conversation | None]) -> TakenScores:
    """Scores every conversation that there is and that the scorer takes."""
    places = [place for place, conversation in enumerate(conversations) if conversation is not None]
    present = [conversation for conversation in conversations if conversation is not None]
    refused: dict[int, str] = {}
    try:
        scores = scorer.score(present)
    except RefusedError:
        refused = {places[index]: reason for index, reason in scorer.refusals(present).items()}
        places, present = _without(refused, places, present)
        scores = scorer.score(present) if present else _no_scores(scorer)
    members = np.full((len(scores.members), len(conversations)), np.nan, dtype=np.float32)
    members[:, places] = scores.members
    return TakenScores(members, refused, scores.num_truncated)


def _without(
    refused: dict[int, str], places: list[int], present: list[Conversation]
) -> tuple[list[int], list[Conversation]]:
    kept = [(place, one) for place, one in zip(places, present, strict=True) if place not in refused]
    return [place for place, _ in kept], [one for _, one in kept]


def _no_scores(scorer: Scorer) -> Scores:
    none = np.zeros((scorer.num_members, 0), dtype=np.float32)
    return Scores(none[0], none, 0)
