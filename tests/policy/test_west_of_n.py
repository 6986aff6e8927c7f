"""Pairs made of a prompt's responses by their rewards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rewardsmith.policy.west_of_n import MadePair, ScoredResponses, keep_most, make_pairs


def responses(members: Any, texts: str) -> ScoredResponses:
    scores = np.atleast_2d(np.array(members, dtype=np.float64))
    return ScoredResponses(scores.mean(axis=0), scores, list(texts))


def test_the_best_stands_above_the_worst() -> None:
    (pair,) = make_pairs([responses([[0.0, 3.0, -2.0], [2.0, 5.0, 0.0]], "abc")], "worst", seed=0)
    assert (pair.prompt, pair.chosen, pair.rejected) == (0, 1, 2)
    assert (pair.strength_mean, pair.strength_std) == (5.0, 0.0)
    assert pair.confidence == pytest.approx(1 / (1 + np.exp(-5)))


def test_confidence_falls_where_members_disagree() -> None:
    agree, argue = (
        make_pairs([responses(members, "ab")], "worst", seed=0)[0]
        for members in ([[1.0, 0.0], [1.0, 0.0]], [[4.0, 0.0], [-2.0, 0.0]])
    )
    assert agree.strength_mean == argue.strength_mean == 1 and argue.strength_std == 3
    assert argue.confidence < agree.confidence


def test_prompts_without_two_different_responses_make_none() -> None:
    prompts = [responses([1.0, 1.0], "ab"), responses([2.0, 1.0], "aa"), responses([1.0, 0.0, 3.0], "aba")]
    (pair,) = make_pairs(prompts, "worst", seed=0)
    assert (pair.prompt, pair.chosen, pair.rejected) == (2, 2, 1)


def test_a_random_other_one_is_any_worse_one_and_the_same_for_a_seed() -> None:
    prompts = [responses([3.0, 2.0, 1.0, 0.0], "abcd")] * 60
    found = make_pairs(prompts, "random", seed=1)
    assert {pair.rejected for pair in found} == {1, 2, 3} and {pair.chosen for pair in found} == {0}
    assert found == make_pairs(prompts, "random", seed=1) != make_pairs(prompts, "random", seed=2)


def test_what_is_kept_keeps_its_order() -> None:
    pairs = [MadePair(i, 0, 1, 0.0, 0.0, sure) for i, sure in enumerate((0.6, 0.9, 0.7, 0.9, 0.5))]
    assert [pair.prompt for pair in keep_most(pairs, 0.5, lambda pair: pair.confidence)] == [1, 2, 3]
    assert keep_most(pairs, 1.0, lambda pair: pair.confidence) == pairs
    assert len(keep_most(pairs, 0.01, lambda pair: pair.confidence)) == 1
