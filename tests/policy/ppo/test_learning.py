"""A critic learns what prompts are worth, and a small policy what a program rewards."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from runs import OPTIONS, Lines, adapted, run
from toy_policies import changed

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores
from stub_scorer import StubScorer


class LengthOfPrompt(StubScorer):
    """What a response is worth does not depend on it."""

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        return Scores.of_one(np.array([len(talk[0]["content"]) / 10 for talk in conversations], dtype=np.float32), 0)


def test_a_critic_learns_what_prompts_are_worth() -> None:
    log = Lines()
    run(
        log=log,
        scorer=LengthOfPrompt(len),
        num_rollouts=5,
        prompts_per_rollout=5,
        num_ppo_epochs=6,
        num_minibatches=1,
        policy_learning_rate=0.0,
        critic_learning_rate=2e-2,
        value_clip_range=1.0,
        no_end_penalty=0.0,
    )
    assert log.lines[0]["explained_variance"] == pytest.approx(0.0, abs=1e-5)
    assert log.lines[-1]["explained_variance"] > 0.9


def early_letters(text: str) -> float:
    """Between -1 and 1: the mean of the letters, where a and b are worth most."""
    return sum(1 - (ord(letter) % 32) / 16 for letter in text) / max(1, len(text))


LONGER = changed(
    OPTIONS,
    num_rollouts=30,
    prompts_per_rollout=5,
    num_samples=8,
    num_minibatches=1,
    max_new_tokens=12,
    policy_learning_rate=4e-3,
    critic_learning_rate=4e-3,
    no_end_penalty=2.0,
)


@pytest.mark.slow
@pytest.mark.parametrize(("advantage", "lora"), [("gae", False), ("gae", True), ("rloo", False)])
def test_reward_rises_responses_end_and_the_reference_stays_in_sight(advantage: str, lora: bool) -> None:
    log = Lines()
    policy = adapted() if lora else None
    run(policy, log=log, scorer=StubScorer(early_letters), options=LONGER, advantage=advantage)
    first, last = log.lines[0], log.lines[-1]
    assert last["score"] > first["score"] + 0.15
    assert last["share_without_end"] < 0.5 * first["share_without_end"]
    assert all(math.isfinite(line["kl"]) and line["kl_k3"] < 60 for line in log.lines)
