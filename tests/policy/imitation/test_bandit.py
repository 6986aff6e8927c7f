"""A policy of one choice, told by demonstrations alone: it ends where the demonstrators are, by either form."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from toy_policies import ACTIONS, PROMPTS, Bandit, changed

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.objectives.preference import preference_loss
from rewardsmith.policy.imitation.imitation_training import imitate
from rewardsmith.policy.imitation.options import Imitation, ImitationOptions, ImitationTrainingOptions
from rewardsmith.policy.options import PolicyOptions
from rewardsmith.policy.ppo.training import train_policy
from rewardsmith.sampling.options import SamplingOptions
from stub_scorer import StubScorer
from tiny_reward_models import tiny_tokenizer

START = (0.5, 0.25, 0.0, -0.25, -0.5)
SHOWN = torch.tensor([0.1, 0.15, 0.2, 0.25, 0.3])
NUM = 120
TRAINING = ImitationTrainingOptions(
    learning_rate=0.08,
    num_train_epochs=80,
    demonstrations_per_step=NUM,
    lr_scheduler_type="cosine",
    warmup_ratio=0.0,
    max_grad_norm=0.0,
)


class EndingBandit(Bandit):
    """After its word the turn ends, for certain."""

    def __init__(self) -> None:
        super().__init__(START)
        self._over = torch.full((self._size,), -torch.inf)
        self._over[tiny_tokenizer().eos_token_id] = 0.0

    def forward(self, input_ids: torch.Tensor, **rest: Any) -> Any:
        output = super().forward(input_ids, **rest)
        output.logits = torch.where(torch.isin(input_ids, self._ids)[..., None], self._over, output.logits)
        return output


def demonstrations() -> list[Conversation]:
    words = [word for word, share in zip(ACTIONS, SHOWN.tolist(), strict=True) for _ in range(round(NUM * share))]
    return [
        [*PROMPTS[place % len(PROMPTS)], {"role": "assistant", "content": word}] for place, word in enumerate(words)
    ]


@pytest.mark.parametrize("imitation", ["log_sigmoid", "linear", "sft"])
def test_the_implicit_form_ends_at_the_demonstrators(imitation: Imitation) -> None:
    policy = EndingBandit()
    options = ImitationOptions(imitation=imitation, beta=1.0)
    if imitation != "sft":
        options = replace(options, num_rounds=40)
    imitate(
        policy,
        tiny_tokenizer(),
        demonstrations(),
        options,
        make_accelerator("cpu"),
        TRAINING,
        SamplingOptions(max_new_tokens=2),
        quiet=True,
    )
    noise = 0.005 if imitation == "sft" else 0.03  # own responses are draws
    torch.testing.assert_close(policy.logits.detach().softmax(0), SHOWN, rtol=0, atol=noise)


def test_the_explicit_form_ends_at_the_demonstrators() -> None:
    """Rounds of: Bradley-Terry of demonstrations above own responses; PPO held near the policy of the round before."""
    policy = Bandit(START)
    options = changed(
        PolicyOptions(samples_to_read=0),
        num_rollouts=20,
        prompts_per_rollout=16,
        max_new_tokens=1,
        advantage="rloo",
        kl_coef=1.0,
        no_end_penalty=0.0,
        whiten_advantages=False,
        policy_learning_rate=0.08,
        policy_lr_scheduler_type="cosine",
    )
    for round_number in range(2):
        own = Counter(torch.multinomial(policy.logits.detach().softmax(0), 4000, replacement=True).tolist())
        shares = torch.tensor([own[action] / 4000 for action in range(len(ACTIONS))])
        worth = dict(zip(ACTIONS, fitted_rewards(shares).tolist(), strict=True))
        accelerator, scorer = make_accelerator("cpu"), StubScorer(worth.__getitem__)
        train_policy(policy, tiny_tokenizer(), PROMPTS, scorer, options, accelerator, seed=round_number, quiet=True)
    torch.testing.assert_close(policy.logits.detach().softmax(0), SHOWN, rtol=0, atol=0.03)


def fitted_rewards(own: torch.Tensor) -> torch.Tensor:
    rewards = torch.zeros_like(own, requires_grad=True)
    solver = torch.optim.LBFGS([rewards], max_iter=200)

    def cost() -> torch.Tensor:
        solver.zero_grad()
        value = (SHOWN[:, None] * own * preference_loss(rewards[:, None] - rewards)).sum()
        value.backward()
        return value

    solver.step(cost)
    return rewards.detach()
