"""Rewards of several responses to a prompt."""

from __future__ import annotations

import numpy as np
import pytest

from rewardsmith.metrics.within_prompts import gold_credits, within_prompt_spread


def test_the_spread_does_not_see_differences_between_prompts() -> None:
    assert within_prompt_spread(np.array([[1.0, 3.0], [100.0, 104.0]])) == pytest.approx(1.5)


def test_pairs_that_say_nothing_are_left_out() -> None:
    rewards = [np.array([1.0, 2.0, 2.0]), np.array([5.0, 3.0])]
    golds = [np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0])]
    credits, prompts = gold_credits(rewards, golds, [["a", "b", "c"], ["d", "e"]])
    assert credits.tolist() == [1, 1, 0.5] and prompts.tolist() == [0, 0, 0]
    credits, _ = gold_credits(rewards[:1], golds[:1], [["a", "b", "b"]])
    assert credits.tolist() == [1, 1]


def test_prompts_without_a_pair() -> None:
    credits, prompts = gold_credits([np.array([1.0])], [np.array([0.0])], [["a"]])
    assert len(credits) == len(prompts) == 0
