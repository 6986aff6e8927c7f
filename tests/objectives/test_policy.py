"""What a policy's tokens cost: closed forms, and the exact KL that both estimators aim at."""

from __future__ import annotations

import math

import torch

from rewardsmith.objectives.policy import (
    clipped_ratio_cost,
    clipped_value_cost,
    kl_k1,
    kl_k3,
    mean_weights,
    token_entropy,
    token_logprobs,
)


def test_both_estimators_have_the_exact_kl_as_their_mean() -> None:
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.5], [1.0, 1.0, 0.0, -2.0]]).double()
    policy, reference = logits.log_softmax(-1)
    exact = (policy.exp() * (policy - reference)).sum()
    assert exact > 0.1
    for estimate in (kl_k1, kl_k3):
        torch.testing.assert_close((policy.exp() * estimate(policy, reference)).sum(), exact)
    assert bool((kl_k3(policy, reference) >= 0).all()) and bool((kl_k1(policy, reference) < 0).any())


def test_at_the_old_policy_the_gradient_is_minus_the_advantage() -> None:
    logprobs = torch.tensor([[-1.0, -2.0, -0.5]], requires_grad=True)
    advantages = torch.tensor([[2.0, -1.0, 0.0]])
    cost, clipped = clipped_ratio_cost(logprobs, logprobs.detach(), advantages)
    cost.sum().backward()
    torch.testing.assert_close(logprobs.grad, -advantages)
    assert not bool(clipped.any())


def test_a_ratio_beyond_the_clip_has_no_gradient_where_it_would_go_further() -> None:
    """Rows: too likely and good, too likely and bad, too rare and good, too rare and bad."""
    ratio = torch.tensor([[1.5], [1.5], [0.5], [0.5]])
    logprobs = ratio.log().requires_grad_()
    advantages = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    cost, clipped = clipped_ratio_cost(logprobs, torch.zeros(4, 1), advantages, clip_range=0.2)
    cost.sum().backward()
    torch.testing.assert_close(cost, torch.tensor([[-1.2], [1.5], [-0.5], [0.8]]))
    torch.testing.assert_close(logprobs.grad, torch.tensor([[0.0], [1.5], [-0.5], [0.0]]))
    assert clipped[:, 0].tolist() == [True, False, False, True]


def test_a_value_is_charged_for_the_worse_of_itself_and_its_clipped_self() -> None:
    values = torch.tensor([[0.1, 1.0, 1.0]])
    cost = clipped_value_cost(values, torch.zeros(1, 3), torch.tensor([[1.0, 1.0, 0.0]]), clip_range=0.2)
    torch.testing.assert_close(cost, torch.tensor([[0.9**2 / 2, 0.8**2 / 2, 0.5]]))


def test_means_over_tokens_and_over_responses() -> None:
    costs = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert (costs * mean_weights(mask)).sum().item() == 2.5
    torch.testing.assert_close((costs * mean_weights(mask, "sequences")).sum(), torch.tensor(3.0))
    assert (costs * mean_weights(mask, "response_sums")).sum().item() == (1 + 2 + 3 + 4) / 2
    with_empty = torch.cat([mask, torch.zeros(1, 3, dtype=torch.bool)])
    assert mean_weights(with_empty, "response_sums").sum().item() == 2.0
    assert mean_weights(mask.logical_not().logical_and(mask)).sum() == 0


def test_logprobs_and_entropy_of_known_distributions() -> None:
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0], [0.0, math.log(3.0), -math.inf, -math.inf]]])
    logprobs = token_logprobs(logits, torch.tensor([[2, 1]]))
    torch.testing.assert_close(logprobs, torch.tensor([[-math.log(4.0), math.log(0.75)]]))
    two = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    torch.testing.assert_close(token_entropy(logits), torch.tensor([[math.log(4.0), two]]))
