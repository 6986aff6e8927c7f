"""What demonstrations cost, in closed forms on bandits: where gradients vanish, and where whole rounds lead."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rewardsmith.objectives.imitation import GapCost, gap_cost, implicit_gap
from rewardsmith.objectives.preference import preference_loss
from rewardsmith.policy.worlds.bandits import BanditWorld

COSTS: tuple[GapCost, ...] = ("log_sigmoid", "linear")
SHOWN = torch.tensor([0.1, 0.15, 0.2, 0.25, 0.3], dtype=torch.float64)
OLD = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
OTHER = torch.tensor([0.2, 0.1, 0.4, 0.2, 0.1], dtype=torch.float64)


def expected_cost(logits: Tensor, shown: Tensor, old: Tensor, beta: float, cost: GapCost) -> Tensor:
    """Mean over all pairs of a demonstration and an own response, weighed by how likely each is."""
    here = logits.log_softmax(0)
    first, second = (index.flatten() for index in torch.meshgrid(*[torch.arange(len(here))] * 2, indexing="ij"))
    logprobs, old_logprobs = (torch.stack([each[first], each[second]]) for each in (here, old.log()))
    return (shown[first] * old[second] * gap_cost(implicit_gap(logprobs, old_logprobs, beta), cost)).sum()


def gradient(policy: Tensor, old: Tensor, beta: float, cost: GapCost) -> Tensor:
    """Of the logits."""
    logits = policy.log().requires_grad_()
    expected_cost(logits, SHOWN, old, beta, cost).backward()
    assert logits.grad is not None
    return logits.grad


def minimised(cost: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    logits = start.clone().requires_grad_()
    solver = torch.optim.LBFGS([logits], lr=1, max_iter=500, tolerance_grad=1e-12, tolerance_change=0)

    def closure() -> Tensor:
        solver.zero_grad()
        value = cost(logits)
        value.backward()
        return value

    solver.step(closure)
    return logits.detach()


def after_a_round(old: Tensor, beta: float) -> Tensor:
    return minimised(lambda logits: expected_cost(logits, SHOWN, old, beta, "log_sigmoid"), old.log()).softmax(0)


def test_without_a_gap_a_pair_costs_log_two_or_nothing() -> None:
    assert gap_cost(torch.zeros(1), "log_sigmoid").item() == pytest.approx(math.log(2))
    assert gap_cost(torch.zeros(1), "linear").item() == 0


def test_it_is_the_loss_that_spin_is_published_with() -> None:
    """arXiv 2401.01335, Eq. 4.7: l(lambda log p/p_t(y) - lambda log p/p_t(y')), l(t) = log(1 + exp(-t))."""
    generator = torch.Generator().manual_seed(0)
    of_data, of_own, old_of_data, old_of_own = 20 * torch.randn(4, 9, generator=generator, dtype=torch.float64)
    t = 0.1 * (of_data - old_of_data) - 0.1 * (of_own - old_of_own)
    ours = gap_cost(implicit_gap(torch.stack([of_data, of_own]), torch.stack([old_of_data, old_of_own]), 0.1), COSTS[0])
    torch.testing.assert_close(ours, torch.log(1 + torch.exp(-t)))


@pytest.mark.parametrize(("cost", "factor"), [("log_sigmoid", 0.5), ("linear", 1.0)])
def test_at_the_old_policy_the_gradient_is_that_of_the_likelihood(cost: GapCost, factor: float) -> None:
    for beta in (0.1, 2.0):
        torch.testing.assert_close(gradient(OLD, OLD, beta, cost), -factor * beta * (SHOWN - OLD))


def test_the_linear_gradient_is_one_wherever_the_policy_goes() -> None:
    torch.testing.assert_close(gradient(OTHER, OLD, 0.3, "linear"), -0.3 * (SHOWN - OLD))


@pytest.mark.parametrize("cost", COSTS)
def test_the_demonstrators_alone_are_left_as_they_are(cost: GapCost) -> None:
    torch.testing.assert_close(gradient(SHOWN, SHOWN, 0.5, cost), torch.zeros(5, dtype=torch.float64))
    assert gradient(OTHER, OTHER, 0.5, cost).abs().max() > 0.01


@pytest.mark.parametrize("beta", [0.4, 1.0, 2.0])
def test_a_round_to_its_end_shrinks_log_ratios_by_one_less_one_over_beta(beta: float) -> None:
    """log pi/p becomes (1 - 1/beta) log pi_old/p: p at once for 1, and away from it below a half."""
    found = (after_a_round(OLD, beta) / SHOWN).log()
    expected = (1 - 1 / beta) * (OLD / SHOWN).log()
    torch.testing.assert_close(found - found.mean(), expected - expected.mean(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("beta", [0.8, 1.0, 3.0])
def test_the_explicit_form_to_its_end_is_the_implicit_one(beta: float) -> None:
    """Bradley-Terry of demonstrations above own responses ends at log p/pi; the policy is then tilted by it."""
    pairs = SHOWN[:, None] * OLD
    rewards = minimised(lambda r: (pairs * preference_loss(r[:, None] - r)).sum(), torch.zeros_like(OLD))
    log_ratio = (SHOWN / OLD).log()
    torch.testing.assert_close(rewards - rewards.mean(), log_ratio - log_ratio.mean(), rtol=0, atol=1e-6)
    world = BanditWorld(tuple(OLD.tolist()), tuple(rewards.tolist()), (0.0,) * 5)
    np.testing.assert_allclose(world.tilted(beta), after_a_round(OLD, beta).numpy(), atol=1e-6)
