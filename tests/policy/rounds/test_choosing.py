"""Which pairs get a label."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np
import pytest
from written_samples import scores_of, written

from rewardsmith.policy.rounds.choosing import SamplePair, choose_pairs, texts_of
from rewardsmith.policy.rounds.labelling import labelled, rows_to_decide
from rewardsmith.policy.rounds.options import LabelChoice
from rewardsmith.policy.rounds.round_samples import RoundSamples, SampleScores
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions

FOUR = written(*[[f"{letter} {place}" for letter in "abcd"] for place in range(5)])
RANDOM = SampleScores(*(lambda drawn: (drawn.mean(0), drawn))(np.random.default_rng(0).normal(size=(3, 5, 4))))


def texts(samples: RoundSamples, pairs: list[SamplePair]) -> list[tuple[str, str]]:
    own = samples.responses
    return [(own[p.prompt][p.favourite]["content"], own[p.prompt][p.other]["content"]) for p in pairs]


@pytest.mark.parametrize("how", get_args(LabelChoice))
def test_the_seed_decides_and_nothing_comes_twice(how: LabelChoice) -> None:
    pairs = choose_pairs(FOUR, RANDOM, how, 10, 0)
    assert pairs == choose_pairs(FOUR, RANDOM, how, 10, 0)
    assert len({(p.prompt, frozenset((p.favourite, p.other))) for p in pairs}) == 10
    assert all(RANDOM.rewards[p.prompt, p.favourite] > RANDOM.rewards[p.prompt, p.other] for p in pairs)
    assert pairs[:4] == choose_pairs(FOUR, RANDOM, how, 4, 0)


def test_another_seed_draws_others_at_random() -> None:
    draws = {tuple(choose_pairs(FOUR, RANDOM, "random", 6, seed)) for seed in range(5)}
    assert len(draws) == 5


@pytest.mark.parametrize("how", get_args(LabelChoice))
def test_a_prompt_has_at_most_two_pairs_while_others_have_any(how: LabelChoice) -> None:
    counts = Counter(pair.prompt for pair in choose_pairs(FOUR, RANDOM, how, 10, 0))
    assert counts == dict.fromkeys(range(5), 2)
    assert max(Counter(pair.prompt for pair in choose_pairs(FOUR, RANDOM, how, 11, 0)).values()) == 3
    assert len(choose_pairs(FOUR, RANDOM, how, 1000, 0)) == 30


@pytest.mark.parametrize("how", get_args(LabelChoice))
def test_pairs_with_a_label_do_not_come_again_whichever_response_is_the_better(how: LabelChoice) -> None:
    first = choose_pairs(FOUR, RANDOM, how, 10, 0)
    decisions = ["keep", "flip"] * 5
    rows = labelled(rows_to_decide(FOUR, first, 1), decisions, 1, "person").rows
    again = choose_pairs(FOUR, RANDOM, how, 99, 0, texts_of(load_preferences(rows, DataOptions()).table))
    assert len(again) == 20 and not set(first) & set(again)


def test_empty_responses_and_equal_ones_make_no_pair() -> None:
    samples = written(["same", "same", " ", ""], ["", "other", "same", "other"])
    pairs = choose_pairs(samples, scores_of([[4, 3, 2, 1], [1, 2, 3, 4]]), "random", 9, 0)
    assert texts(samples, pairs) == [("same", "other")]
    assert choose_pairs(written(["a", "a"]), scores_of([[0, 1]]), "extremes", 9, 0) == []


def test_the_members_that_disagree_about_the_winner_come_first() -> None:
    samples = written(["a", "b"], ["c", "d"], ["e", "f"])
    members = scores_of([[9, 1], [1, 0], [0.2, 0]], [[5, 1], [0, 1], [0, 0.2]])
    assert texts(samples, choose_pairs(samples, members, "disagreement", 3, 0)) == [("c", "d"), ("e", "f"), ("a", "b")]


def test_a_single_model_is_least_sure_where_the_gap_is_smallest() -> None:
    samples = written(["a", "b", "c"])
    pairs = choose_pairs(samples, scores_of([[0, 1, 1.5]]), "disagreement", 2, 0)
    assert texts(samples, pairs) == [("c", "b"), ("b", "a")]


def test_extremes_are_best_against_worst_of_every_prompt_before_any_second_pair() -> None:
    samples = written(["a", "b", "c"], ["d", "e", "f"])
    pairs = choose_pairs(samples, scores_of([[0, 3, 10], [0.1, 0, 0.3]]), "extremes", 4, 0)
    assert texts(samples, pairs) == [("c", "a"), ("f", "e"), ("c", "b"), ("f", "d")]


def test_of_equal_rewards_the_one_drawn_first_is_the_favourite() -> None:
    assert choose_pairs(written(["a", "b"]), scores_of([[1, 1]]), "random", 1, 0) == [SamplePair(0, 0, 1)]
