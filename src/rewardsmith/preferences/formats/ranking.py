"""More than two responses to a prompt: every better-worse pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from rewardsmith.contracts.conversations import Message, key_of
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError


def ranked_pairs(prompt: list[Message], ranked: Sequence[tuple[Message, float]], are_scores: bool) -> list[Pair]:
    """Each response against each worse one, the best first. ``ranked``: responses with numbers, more is better.

    Equals make no pair, unless all are: then the first two different ones are a tie. ``are_scores``: the numbers are
    kept beside the label. ``BadRowError`` where there are fewer than two.
    """
    if len(ranked) < 2:
        raise BadRowError("missing_field", f"{len(ranked)} of its responses are rated; a pair needs two")
    best_first = sorted(ranked, key=lambda item: -item[1])
    pairs = [(a, b) for a, b in combinations(best_first, 2) if a[1] > b[1]]
    different = [(a, b) for a, b in pairs if key_of(a[0]) != key_of(b[0])] or pairs[:1]
    return [_pair(prompt, a, b, are_scores) for a, b in different or [_tie(ranked)]]


def _pair(prompt: list[Message], better: tuple[Message, float], worse: tuple[Message, float], are_scores: bool) -> Pair:
    target = 1.0 if better[1] > worse[1] else 0.5
    pair = Pair(list(prompt), better[0], worse[0], target)
    if are_scores:
        pair.score_chosen, pair.score_rejected = better[1], worse[1]
    return pair


def _tie(ranked: Sequence[tuple[Message, float]]) -> tuple[tuple[Message, float], tuple[Message, float]]:
    first, *others = ranked
    return first, next((other for other in others if key_of(other[0]) != key_of(first[0])), others[0])
