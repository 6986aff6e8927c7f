"""MetaRM's objective in closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.objectives.meta import differences, meta_objective, standardised, within_prompt_std

rewards_of_prompts = (
    st.integers(2, 5)
    .flatmap(lambda k: st.lists(st.lists(st.floats(-8, 8), min_size=k, max_size=k), min_size=1, max_size=4))
    .map(lambda rows: torch.tensor(rows, dtype=torch.float64))
)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_it_lies_between_equal_rewards_and_rewards_far_apart(k: int) -> None:
    assert meta_objective(torch.zeros(3, k)).item() == pytest.approx((k - 1) / (2 * k))
    assert meta_objective(1e4 * torch.arange(k).repeat(3, 1)).item() == pytest.approx((k - 1) / k)


def test_two_responses_by_hand() -> None:
    rewards = torch.tensor([[1.0, -1.0], [0.0, 0.5]])
    each = [0.5 / (1 + math.exp(-2)), 0.5 / (1 + math.exp(-0.5))]
    assert differences(rewards).tolist() == pytest.approx(each)
    assert meta_objective(rewards).item() == pytest.approx(sum(each) / 2)


def test_the_deviation_within_prompts_does_not_see_those_between() -> None:
    assert within_prompt_std(torch.tensor([[1.0, 3.0], [101.0, 103.0]])).item() == pytest.approx(1.0)


@given(rewards_of_prompts, st.floats(-5, 5))
def test_a_constant_and_the_order_of_responses_change_nothing(rewards: torch.Tensor, constant: float) -> None:
    for kind in ("spread", "standardised"):
        value = meta_objective(rewards, kind).item()
        assert meta_objective(rewards + constant, kind).item() == pytest.approx(value, abs=1e-3)
        assert meta_objective(rewards.flip(1), kind).item() == pytest.approx(value, abs=1e-9)
        assert meta_objective(-rewards, kind).item() == pytest.approx(value, abs=1e-9)


@given(rewards_of_prompts.filter(lambda rewards: within_prompt_std(rewards) > 1e-3), st.floats(0.1, 10))
def test_larger_rewards_raise_the_spread_and_not_what_is_standardised(rewards: torch.Tensor, scale: float) -> None:
    assert meta_objective(scale * rewards, "standardised").item() == pytest.approx(
        meta_objective(rewards, "standardised").item(), abs=1e-9
    )
    assert (meta_objective(2 * rewards) > meta_objective(rewards)) == True  # noqa: E712 - a tensor


def test_rewards_that_are_all_equal_have_no_gradient() -> None:
    for kind in ("spread", "standardised"):
        rewards = torch.ones(2, 3, requires_grad=True)
        meta_objective(rewards, kind).backward()
        assert rewards.grad is not None and not rewards.grad.any(), kind
    assert not standardised(torch.zeros(2, 2)).any()


def test_the_gradient_is_that_of_finite_differences() -> None:
    rewards = torch.tensor([[0.3, -1.0, 2.0], [0.1, 0.7, 0.2]], dtype=torch.float64, requires_grad=True)
    for kind in ("spread", "standardised"):
        assert torch.autograd.gradcheck(lambda values, kind=kind: meta_objective(values, kind), rewards)
