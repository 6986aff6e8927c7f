"""A bandit whose best policy is known: the sign, scale and place of reward and KL, all at once."""

from __future__ import annotations

import pytest
import torch
from toy_policies import ACTIONS, PROMPTS, WORTH, Bandit, blind_critic, changed

from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.ppo.training import train_policy
from stub_scorer import StubScorer
from tiny_reward_models import tiny_tokenizer

START = (0.5, 0.0, -0.5, 1.0, 0.0)
OPTIONS = changed(
    PolicyOptions(samples_to_read=0),
    num_rollouts=30,
    prompts_per_rollout=16,
    max_new_tokens=1,
    kl_coef=0.5,
    no_end_penalty=0.0,
    whiten_advantages=False,
    policy_learning_rate=0.07,
    critic_learning_rate=0.07,
    policy_lr_scheduler_type="cosine",
)


@pytest.mark.parametrize("advantage", ["gae", "rloo"])
def test_a_bandit_ends_at_the_reference_tilted_by_its_rewards(advantage: str) -> None:
    policy, accelerator = Bandit(START), make_accelerator("cpu")
    trained = train_policy(
        policy,
        tiny_tokenizer(),
        PROMPTS,
        StubScorer(WORTH.__getitem__),
        changed(OPTIONS, advantage=advantage),
        accelerator,
        critic=blind_critic() if advantage == "gae" else None,
        quiet=True,
    )
    rewards, reference = torch.tensor([WORTH[action] for action in ACTIONS]), torch.tensor(START).softmax(0)
    best = (reference.log() + rewards / 0.5).softmax(0)
    torch.testing.assert_close(policy.logits.detach().softmax(0), best, rtol=0, atol=0.01)
    assert trained.outcome.last["kl"] == pytest.approx(float((best * (best / reference).log()).sum()), abs=0.15)
