"""What is seen of a reward model on the samples of two policies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from written_samples import scores_of, written

from rewardsmith.errors import RunError
from rewardsmith.policy.rounds.looks import accuracy_within, disagreement, gap_quantiles, reward_model_numbers
from rewardsmith.policy.rounds.round_samples import SampleScores

SAMPLES = written(["a", "b"], ["c", "d"])
FIRST = scores_of([[0, 2], [4, 6]])


def test_a_look_by_hand() -> None:
    found = reward_model_numbers(SAMPLES, scores_of([[1, 2], [9, 9]]), FIRST, np.array([[0, 1], [1, 0]]), None, 50, 0.7)
    assert found["num_pairs"] == 50 and found["held_out_accuracy"] == 0.7
    assert (found["spread_here"], found["spread_first"]) == (0.25, 1.0)
    assert found["objective"] == pytest.approx((0.5 / (1 + math.exp(-1)) + 0.25) / 2)
    assert found["drift"] == pytest.approx((5.25 - 3) / math.sqrt(5))
    assert found["disagreement"] is None
    assert found["gap_quantiles_here"] == pytest.approx([0.05, 0.25, 0.5, 0.75, 0.95])
    assert found["gap_quantiles_first"] == [2.0] * 5
    assert found["gold_accuracy"]["value"] == 0.75 and found["num_gold_pairs"] == 2
    assert found["judge_accuracy"]["value"] is None and found["num_judge_pairs"] == 0


def test_a_judge_stands_beside_gold() -> None:
    rewards, gold, judged = scores_of([[1, 2], [9, 8]]), np.array([[0, 1], [1, 0]]), np.array([[0, 1], [3, 5]])
    found = reward_model_numbers(SAMPLES, rewards, FIRST, gold, judged, 50, None)
    assert (found["gold_accuracy"]["value"], found["num_gold_pairs"]) == (1.0, 2)
    assert (found["judge_accuracy"]["value"], found["num_judge_pairs"]) == (0.5, 2)


def test_without_gold_agreement_with_it_is_not_known() -> None:
    found = reward_model_numbers(SAMPLES, FIRST, FIRST, None, None, 50, None)
    assert found["gold_accuracy"] == {"value": None, "low": None, "high": None} and found["num_gold_pairs"] == 0
    assert found["held_out_accuracy"] is None and found["drift"] == 0


def test_a_model_that_tells_nothing_apart_is_an_error() -> None:
    with pytest.raises(RunError, match="gives 1 to all 4 responses"):
        reward_model_numbers(SAMPLES, FIRST, scores_of([[1, 1], [1, 1]]), None, None, 50, None)


def test_only_pairs_of_different_texts_and_unequal_gold_count() -> None:
    samples = written(["a", "a", "b"], ["c", "d", "e"])
    rewards = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 0.0]])
    gold = np.array([[0.1, 0.1000001, 0.9], [0.5, 0.5, 0.9]])
    accuracy, num_pairs = accuracy_within(samples, rewards, gold)
    assert num_pairs == 4 and accuracy.value == 0.5


def test_the_interval_knows_that_pairs_of_a_prompt_go_together() -> None:
    samples = written(*[["a", "b", "c"]] * 12)
    rewards = np.tile([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]], (6, 1))  # all pairs of a prompt right, or none
    accuracy, num_pairs = accuracy_within(samples, rewards, np.tile([0.0, 0.5, 1.0], (12, 1)))
    assert num_pairs == 36 and accuracy.value == 0.5
    assert accuracy.high - accuracy.low == pytest.approx(4 * 0.5 / 12**0.5, rel=0.15)


def test_members_that_differ_by_a_constant_for_each_prompt_agree() -> None:
    rewards = np.random.default_rng(0).normal(size=(4, 3))
    shifted = rewards + np.array([[5.0], [-3.0], [0.0], [100.0]])
    assert disagreement(SampleScores(rewards, np.stack([rewards, shifted]))) == pytest.approx(0, abs=1e-12)


def test_members_that_contradict_each_other_disagree_by_as_much_as_they_say() -> None:
    one = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert disagreement(SampleScores(one, np.stack([one, -one]))) == pytest.approx(1)
    assert disagreement(SampleScores(3 * one, np.stack([3 * one, -3 * one]))) == pytest.approx(1)
    assert disagreement(SampleScores(np.full((3, 3), 0.1), np.stack([one, -one]))) is None
    assert disagreement(SampleScores(one, one[None])) is None


def test_quantiles_are_of_distances_within_prompts() -> None:
    rewards = np.array([[0.0, 1.0, 3.0], [100.0, 100.0, 100.0]])  # distances 0 0 0 1 2 3
    assert gap_quantiles(rewards) == pytest.approx([0, 0, 0.5, 1.75, 2.75])
