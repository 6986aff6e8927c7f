from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rewardsmith.metrics.ranking import auroc
from rewardsmith.strength.evidence_gap import evidence_gap

NUM_PAIRS = 1200


def tournament(skill: float = 0.5) -> tuple[Any, Any, Any, Any]:
    """Pairs of a pool of 50 responses whose worths a judge half knows: gaps, targets, responses and what is wrong."""
    rng = np.random.default_rng(0)
    worth = 1.5 * rng.normal(size=50)
    responses = np.stack([rng.choice(50, 2, replace=False) for _ in range(NUM_PAIRS)])
    true_gap = worth[responses[:, 0]] - worth[responses[:, 1]]
    wrong = rng.random(NUM_PAIRS) < 0.2
    target = ((true_gap > 0) != wrong).astype(float)
    return skill * true_gap + 2 * rng.normal(size=NUM_PAIRS), target, responses, wrong


ALONE = np.arange(2 * NUM_PAIRS).reshape(-1, 2)


@pytest.mark.parametrize("responses", [None, ALONE])
def test_where_no_response_recurs_it_is_the_judges_gap_as_labelled(responses: Any) -> None:
    gap, target, _, _ = tournament()
    np.testing.assert_array_equal(evidence_gap(gap, target, responses, 0), np.where(target > 0.5, gap, -gap))


def test_where_responses_recur_their_other_pairs_have_a_say() -> None:
    gap, target, responses, wrong = tournament()
    alone, joined = (auroc(-evidence_gap(gap, target, each, 0), wrong) for each in (None, responses))
    assert joined > alone + 0.15


def test_a_pair_of_which_no_judge_has_an_opinion_stays_unknown_and_tells_others_nothing() -> None:
    gap, target, responses, _ = tournament()
    gap[:100] = np.nan
    found = evidence_gap(gap, target, responses, 0)
    assert np.isnan(found[:100]).all() and np.isfinite(found[100:]).all()
    turned = target.copy()
    turned[:100] = 1 - turned[:100]
    np.testing.assert_array_equal(found, evidence_gap(gap, turned, responses, 0))
    assert np.isnan(evidence_gap(np.full(NUM_PAIRS, np.nan), target, responses, 0)).all()


def test_labels_that_follow_neither_judge_nor_graph_leave_the_judges_gaps() -> None:
    """A graph that finds the judges worth nothing has gaps of 0, which are no better."""
    gap, _, responses, _ = tournament()
    target = (np.random.default_rng(1).random(NUM_PAIRS) < 0.5).astype(float)
    against = np.where(np.corrcoef(gap, target)[0, 1] > 0, -gap, gap)  # at best no use
    found = evidence_gap(against, target, responses, 0)
    np.testing.assert_array_equal(found, np.where(target > 0.5, against, -against))


def test_swapping_the_responses_of_a_pair_changes_nothing() -> None:
    gap, target, responses, _ = tournament()
    swapped = np.random.default_rng(2).random(NUM_PAIRS) < 0.5
    sign = np.where(swapped, -1.0, 1.0)
    turned = np.where(swapped[:, None], responses[:, ::-1], responses)
    one = evidence_gap(gap, target, responses, 0)
    two = evidence_gap(sign * gap, np.where(swapped, 1 - target, target), turned, 0)
    np.testing.assert_allclose(one, two, atol=0.01 * one.std())  # each search ends a little beside the best worths


def test_what_is_given_stays_as_it_is() -> None:
    gap, target, responses, _ = tournament()
    before = gap.copy()
    evidence_gap(gap, target, responses, 0)
    np.testing.assert_array_equal(gap, before)


def test_labels_that_are_not_learned_tell_others_nothing() -> None:
    gap, target, responses, _ = tournament()
    learned = np.where(np.arange(NUM_PAIRS) < 100, 0.5, target)
    turned = np.where(np.arange(NUM_PAIRS) < 100, 1 - target, target)
    one, other = (evidence_gap(gap, each, responses, 0, learned) for each in (target, turned))
    np.testing.assert_array_equal(one[:100], -other[:100])  # they are judged all the same
    np.testing.assert_array_equal(one[100:], other[100:])
    assert not np.array_equal(one[100:], evidence_gap(gap, target, responses, 0)[100:])
