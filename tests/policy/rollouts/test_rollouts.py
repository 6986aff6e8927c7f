"""Roll-outs: what is in them, and where reward and KL cost stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import OPTIONS
from toy_policies import PROMPTS, changed, letter_scorer, toy_policy

from rewardsmith.engine.scoring.local_scorer import LocalScorer
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.policy.networks.actor_critic import ActorCritic
from rewardsmith.policy.networks.reference import FrozenCopy
from rewardsmith.policy.networks.sequences import Sequences
from rewardsmith.policy.options import KLOptions, PPOOptions
from rewardsmith.policy.ppo.kl_control import next_coefficient
from rewardsmith.policy.ppo.rollout_source import RolloutSource
from rewardsmith.policy.rollouts.maker import RolloutMaker
from rewardsmith.policy.rollouts.prompt_set import prompt_set
from rewardsmith.policy.rollouts.rewards import RewardRule
from rewardsmith.policy.rollouts.rollout import Rollout, with_advantages
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import save_tiny_model


def maker(scorer: Any = None, seed: int = 0, **changes: Any) -> tuple[RolloutMaker, ActorCritic]:
    """Of a policy whose reference is another one."""
    policy, tokenizer = toy_policy()
    options = changed(OPTIONS, **changes)
    rule = RewardRule(scorer or letter_scorer(), options.rewards)
    reference = FrozenCopy(toy_policy(seed=1)[0])
    prompts = prompt_set(tokenizer, PROMPTS, 64)
    return RolloutMaker(prompts, rule, reference, options, make_accelerator("cpu"), seed), ActorCritic(policy)


def test_a_rollout_is_a_function_of_its_number_seed_and_weights() -> None:
    make, model = maker()
    first, again, second = make.make(model, 0, 0.1), make.make(model, 0, 0.1), make.make(model, 1, 0.1)
    for name, value in first.tensors().items():
        assert torch.equal(again.tensors()[name], value), name
    assert not torch.equal(first.sequences.responses[:, 0], second.sequences.responses[:, 0])
    other = maker(seed=1)[0].make(model, 0, 0.1)
    assert not torch.equal(first.sequences.responses[:, 0], other.sequences.responses[:, 0])


def test_how_much_is_computed_at_once_changes_nothing() -> None:
    (make, model), (narrow, _) = maker(), maker(rollout_max_tokens=1)
    one, other = make.make(model, 0, 0.1), narrow.make(model, 0, 0.1)
    assert torch.equal(one.sequences.responses, other.sequences.responses)
    for name in ("logprobs", "ref_logprobs", "advantages"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=2e-5, rtol=1e-5)


def test_every_prompt_comes_once_before_any_comes_again() -> None:
    make, model = maker(prompts_per_rollout=5)
    for number in (0, 1):
        places = make.make(model, number, 0.1).places
        assert sorted(places[::2].tolist()) == [0, 1, 2, 3, 4] and torch.equal(places[::2], places[1::2])


def test_spread_and_rewards_go_by_prompt() -> None:
    make, model = maker(reward_shape="relative", no_end_penalty=0.0)
    rollout = make.make(model, 0, 0.1)
    pairs = rollout.scores.view(-1, 2)
    torch.testing.assert_close(rollout.spread.view(-1, 2)[:, 0], (pairs[:, 0] - pairs[:, 1]).abs() / 2)
    shifts = (rollout.scores - rollout.rewards).view(-1, 2)
    torch.testing.assert_close(shifts[:, 0], shifts[:, 1])
    later = make.make(model, 5, 0.1)  # the reference answers a prompt in one way, whenever it comes
    known = dict(zip(rollout.places.tolist(), shifts.flatten().tolist(), strict=True))
    for place, shift in zip(later.places.tolist(), (later.scores - later.rewards).tolist(), strict=True):
        assert known.setdefault(place, shift) == pytest.approx(shift, abs=1e-6)


def by_hand(**changes: Any) -> Rollout:
    """Two responses of three and one tokens, to one prompt; what is behind them is wild."""
    mask = torch.tensor([[True, True, True], [True, False, False]])
    wild = torch.where(mask, 0.0, 1e6)
    zeros, one = torch.zeros(2, 3), torch.zeros(2)
    sequences = Sequences(torch.zeros(2, 1).long(), torch.ones(2, 1).bool(), torch.zeros(2, 3).long(), mask)
    rollout = Rollout(
        sequences=sequences,
        places=torch.tensor([0, 0]),
        ended=torch.tensor([True, True]),
        logprobs=torch.tensor([[-1.0, -2.0, -3.0], [-1.0, 0.0, 0.0]]) + wild,
        ref_logprobs=torch.tensor([[-1.5, -2.0, -2.0], [-3.0, 0.0, 0.0]]),
        values=zeros + wild,
        scores=one,
        disagreement=one,
        spread=one,
        gold=one,
        rewards=torch.tensor([4.0, 1.0]),
        kl_coef=torch.tensor(0.1),
        advantages=zeros,
        returns=zeros,
    )
    return replace(rollout, **changes)


def test_kl_is_summed_over_a_response_and_not_over_its_padding() -> None:
    assert by_hand().kl.tolist() == [-0.5, 2.0]


def test_the_kl_cost_of_a_token_and_the_reward_of_all() -> None:
    options = PPOOptions(gae_lambda=1.0, whiten_advantages=False)
    returns = with_advantages(by_hand(), 2, options).returns
    torch.testing.assert_close(returns, torch.tensor([[4.05, 4.1, 4.1], [0.8, 0.0, 0.0]]))


def test_leaving_one_out_counts_the_kl_cost_of_the_whole() -> None:
    options = PPOOptions(advantage="rloo", whiten_advantages=False)
    advantages = with_advantages(by_hand(), 2, options).advantages
    torch.testing.assert_close(advantages, torch.tensor([[3.25, 3.25, 3.25], [-3.25, 0.0, 0.0]]))


def test_rows_are_cut_to_what_they_hold() -> None:
    row = by_hand().rows(torch.tensor([1]))
    assert row.sequences.responses.shape == row.logprobs.shape == (1, 1) and row.rewards.tolist() == [1.0]


def test_minibatches_of_a_pass_are_all_responses_once_and_a_mean_of_their_tokens() -> None:
    make, model = maker(prompts_per_rollout=5, num_minibatches=3, rollout_max_tokens=60)
    options = changed(OPTIONS, prompts_per_rollout=5, num_minibatches=3, rollout_max_tokens=60)
    steps = RolloutSource(make, options, make_accelerator("cpu")).steps(0, model)
    for _ in range(options.ppo.num_ppo_epochs):
        batches = [next(steps)[1] for _ in range(3)]
        logprobs = torch.cat([batch.rollout.logprobs[:, 0] for step in batches for batch in step])
        assert len(logprobs) == 10 and len(set(logprobs.tolist())) > 2
        assert sum(len(step) for step in batches) > 3  # several micro-batches
        for step in batches:
            assert float(sum(batch.weights.sum() for batch in step)) == pytest.approx(1.0)


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_reward_models_read_text_with_a_template_of_their_own(architecture: str, tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, architecture)))
    tokenizer = load_tokenizer(source)
    scorer = LocalScorer(new_reward_model(source, tokenizer), ConversationEncoder(tokenizer, 100), device="cpu")
    make, model = maker(scorer)
    rollout = make.make(model, 0, 0.1)
    row = rollout.sequences.response_mask[0]
    answered = make.prompts.answered(int(rollout.places[0]), rollout.sequences.responses[0][row].tolist())
    assert float(rollout.scores[0]) == pytest.approx(float(scorer.score([answered]).rewards[0]), abs=1e-5)


def test_an_adaptive_coefficient_follows_the_kl_at_most_by_a_fifth_of_the_share_of_the_horizon() -> None:
    adaptive = KLOptions(kl_coef=0.15, kl_target=6.0, kl_horizon=10_000)
    assert next_coefficient(0.15, 6.6, 100, adaptive) == pytest.approx(0.15 * (1 + 0.1 * 0.01))
    assert next_coefficient(0.15, 60.0, 100, adaptive) == pytest.approx(0.15 * (1 + 0.2 * 0.01))
    assert next_coefficient(0.15, -60.0, 100, adaptive) == pytest.approx(0.15 * (1 - 0.2 * 0.01))
    assert next_coefficient(0.15, 60.0, 100, KLOptions()) == 0.15
