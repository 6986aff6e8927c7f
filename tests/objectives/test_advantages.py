"""Advantages: known numbers, and what they must not depend on."""

from __future__ import annotations

import math

import pytest
import torch

from rewardsmith.objectives.advantages import (
    generalised_advantages,
    leave_one_out,
    over_spread,
    rewards_by_token,
    whitened,
)

REWARDS = torch.tensor([[1.0, 2.0, 3.0]])
VALUES = torch.tensor([[0.5, 1.0, 1.5]])
ALL = torch.ones(1, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("gamma", "gae_lambda", "returns"),
    [
        (1.0, 1.0, [6.0, 5.0, 3.0]),
        (0.5, 1.0, [2.75, 3.5, 3.0]),
        (1.0, 0.5, [3.625, 4.25, 3.0]),
        (1.0, 0.0, [2.0, 3.5, 3.0]),
    ],
)
def test_returns_of_a_short_response(gamma: float, gae_lambda: float, returns: list[float]) -> None:
    advantages, found = generalised_advantages(REWARDS, VALUES, ALL, gamma, gae_lambda)
    assert found.tolist() == [returns]
    assert torch.equal(advantages, found - VALUES)


def test_with_lambda_one_returns_do_not_depend_on_the_critic() -> None:
    one = generalised_advantages(REWARDS, VALUES, ALL, 0.9, 1.0)[1]
    other = generalised_advantages(REWARDS, 7 - 3 * VALUES, ALL, 0.9, 1.0)[1]
    torch.testing.assert_close(one, other)


def test_what_stands_behind_a_response_never_matters() -> None:
    mask = torch.tensor([[True, True, True, False, False]])
    behind = torch.tensor([[math.nan, 1e9]])
    advantages, returns = generalised_advantages(
        torch.cat([REWARDS, behind], 1), torch.cat([VALUES, behind], 1), mask, 1.0, 0.5
    )
    assert returns.tolist() == [[3.625, 4.25, 3.0, 0.0, 0.0]]
    assert advantages[0, 3:].tolist() == [0.0, 0.0]


def test_leaving_one_out() -> None:
    assert leave_one_out(torch.tensor([[6.0, 3.0]])).tolist() == [[3.0, -3.0]]
    three = leave_one_out(torch.tensor([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]]))
    torch.testing.assert_close(three, torch.tensor([[1 - 4.0, 2 - 3.5, 6 - 1.5], [0.0, 0.0, 0.0]]))
    with pytest.raises(ValueError, match="two samples"):
        leave_one_out(torch.ones(3, 1))


def test_over_the_spread_of_a_prompt() -> None:
    found = over_spread(torch.tensor([[1.0, 2.0, 3.0], [10.0, 30.0, 20.0], [5.0, 5.0, 5.0]]))
    expected = torch.tensor([[-1.0, 0.0, 1.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)  # 1e-4 is added to the deviation
    with pytest.raises(ValueError, match="two samples"):
        over_spread(torch.ones(3, 1))


def test_whitening_with_the_mean_kept() -> None:
    values = torch.linspace(1.2, 2.0, 9)
    everything = torch.ones(9, dtype=torch.bool)
    population = whitened(values, everything, keep_mean=True)
    sample = whitened(values, everything, keep_mean=True, correction=1)
    torch.testing.assert_close(population[:3], torch.tensor([0.0508, 0.4381, 0.8254]), atol=1e-4, rtol=0)
    torch.testing.assert_close(sample[:3], torch.tensor([0.1394, 0.5046, 0.8697]), atol=1e-4, rtol=0)


def test_whitening_sees_the_mask_alone() -> None:
    mask = torch.tensor([[True, True], [True, False]])
    white = whitened(torch.tensor([[1.0, 2.0], [3.0, math.inf]]), mask)
    root = math.sqrt(1.5)
    torch.testing.assert_close(white, torch.tensor([[-root, 0.0], [root, 0.0]]))
    assert whitened(torch.tensor([4.0, 4.0]), torch.tensor([True, True])).tolist() == [0.0, 0.0]
    assert whitened(torch.tensor([4.0]), torch.tensor([False])).tolist() == [0.0]


def test_the_reward_stands_at_the_last_token_and_the_cost_at_its_own() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True], [False, False, False]])
    costs = torch.tensor([[0.1, 0.2, math.nan], [0.0, 0.0, 0.5], [1.0, 1.0, 1.0]])
    found = rewards_by_token(torch.tensor([1.0, 2.0, 9.0]), costs, mask)
    torch.testing.assert_close(found, torch.tensor([[-0.1, 0.8, 0.0], [0.0, 0.0, 1.5], [0.0, 0.0, 0.0]]))
