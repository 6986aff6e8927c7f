"""From scores to rewards: each option by itself, and their order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.policy.options import RewardOptions
from rewardsmith.policy.rollouts.rewards import RewardRule
from stub_scorer import StubScorer

SCORES, REFERENCE = torch.tensor([1.0, 3.0, -2.0]), torch.tensor([1.0, 1.0, 0.0])
ALL_ENDED = torch.tensor([True, True, True])


class ThreeMembers(StubScorer):
    """Members that say 0, 1 and 5."""

    num_members = 3

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        members = np.array([[0.0], [1.0], [5.0]], dtype=np.float32).repeat(len(conversations), 1)
        return Scores(members.mean(0), members, 0)


def made(scores: torch.Tensor = SCORES, ended: torch.Tensor = ALL_ENDED, **options: Any) -> list[float]:
    rule = RewardRule(StubScorer(len), RewardOptions(**options))
    return rule.rewards(scores, REFERENCE if rule.needs_reference else None, ended).tolist()


def test_scores_are_rewards_unless_something_is_asked_for() -> None:
    assert made() == SCORES.tolist()


def test_each_option_does_its_own() -> None:
    assert made(reward_mean=1.0, reward_std=2.0) == [0.0, 1.0, -1.5]
    assert made(reward_shape="relative") == [0.0, 2.0, -2.0]
    assert made(reward_shape="relative", reward_mean=7.0, reward_std=2.0) == [0.0, 1.0, -1.0]
    assert made(reward_shape="par") == pytest.approx([0.5, 1 / (1 + math.exp(-2)), 1 / (1 + math.exp(2))])
    assert made(reward_clip=1.5) == [1.0, 1.5, -1.5]
    white = made(whiten_rewards=True)
    assert sum(white) == pytest.approx(0, abs=1e-6) and np.var(white) == pytest.approx(1)


def test_a_response_without_end_pays_once_whatever_else_is_done() -> None:
    ended = torch.tensor([True, False, True])
    assert made(ended=ended, no_end_penalty=1.0) == [1.0, 2.0, -2.0]
    assert made(ended=ended, no_end_penalty=1.0, no_end="replace") == [1.0, -1.0, -2.0]
    assert made(ended=ended, no_end_penalty=5.0, reward_clip=0.5) == [0.5, -4.5, -0.5]
    white, paid = made(whiten_rewards=True), made(ended=ended, no_end_penalty=0.25, whiten_rewards=True)
    assert paid == [white[0], pytest.approx(white[1] - 0.25), white[2]]


@pytest.mark.parametrize(
    ("options", "reward"),
    [
        ({}, 2.0),
        ({"aggregate": "min"}, 0.0),
        ({"aggregate": "mean_minus_std", "aggregate_coefficient": 0.5}, 2 - 0.5 * math.sqrt(14 / 3)),
        ({"aggregate": "mean_minus_variance", "aggregate_coefficient": 0.1}, 2 - 0.1 * 14 / 3),
    ],
)
def test_an_ensemble_gives_one_reward_and_its_disagreement(options: dict[str, Any], reward: float) -> None:
    scored = RewardRule(ThreeMembers(len), RewardOptions(**options)).score([[{"role": "user", "content": "a"}]])
    assert scored.scores.tolist() == pytest.approx([reward])
    assert scored.disagreement.tolist() == pytest.approx([math.sqrt(14 / 3)])


def test_what_the_reward_model_does_not_read_whole_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    rule = RewardRule(StubScorer(len, max_words=1), RewardOptions())
    for _ in range(2):
        rule.score([[{"role": "user", "content": "two words"}], [{"role": "user", "content": "one"}]])
    assert capsys.readouterr().err.count("cuts 1 of 2 conversations") == 1


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="`aggregate` min needs several members"):
        RewardRule(StubScorer(len), RewardOptions(aggregate="min"))
    with pytest.raises(ConfigError, match="`aggregate_coefficient`: mean takes no coefficient"):
        RewardRule(ThreeMembers(len), RewardOptions(aggregate_coefficient=2.0))
    with pytest.raises(RunError, match="1 of 1 rewards are not finite"):
        RewardRule(StubScorer(lambda _: math.inf), RewardOptions()).score([[{"role": "user", "content": "a"}]])
