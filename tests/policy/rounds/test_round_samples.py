"""Samples as rows of a file have them, and what a scorer makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from written_samples import written

from rewardsmith.errors import DataError, RunError
from rewardsmith.policy.rounds.round_samples import RoundSamples, score_samples, usual_scale
from rewardsmith.preferences.rows.messages import assistant, user
from stub_scorer import StubScorer


def test_rows_become_conversations_prompt_by_prompt() -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"name": "look"}]}
    samples = RoundSamples.of_rows(
        [
            {"prompt": [{"role": "user", "content": "why"}], "responses": ["a", ""], "finish_reason": ["length", None]},
            {"prompt": "how", "responses": [[call], "d"]},
        ]
    )
    assert samples.num_samples == 2 and samples.all_ended == [False, True, True, True]
    assert samples.conversations[0] == [user("why"), assistant("a")]
    assert samples.conversations[3] == [user("how"), assistant("d")]
    assert samples.responses[1][0]["extra"] == '{"tool_calls": [{"name": "look"}]}'


def test_prompts_with_different_numbers_of_responses_are_an_error() -> None:
    with pytest.raises(DataError, match=r"\[1, 2\] responses"):
        written(["a", "b"], ["c"])
    with pytest.raises(DataError):
        RoundSamples.of_rows([])


def test_scores_stand_where_their_responses_do() -> None:
    samples = written(["1", "2", "3"], ["4", "5", "6"])
    found = score_samples(StubScorer(float), samples)
    assert found.rewards.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found.members.shape == (1, 2, 3) and np.array_equal(found.members[0], found.rewards)


def test_a_reward_that_is_no_number_is_an_error() -> None:
    with pytest.raises(RunError, match="1 of 2 rewards"):
        score_samples(StubScorer(lambda text: float(text)), written(["1", "nan"]))


def test_the_scale_of_rewards_and_that_of_a_model_that_says_nothing() -> None:
    assert usual_scale(np.array([[1.0, 3.0], [5.0, 7.0]])) == (4.0, pytest.approx(5**0.5))
    same = np.full((1, 3), 0.1)
    assert same.std() > 0  # as floating point has it
    with pytest.raises(RunError, match=r"gives 0\.1 to all 3 responses"):
        usual_scale(same)
