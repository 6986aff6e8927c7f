"""The reward loss: closed forms, symmetries, and what must stay finite."""

from __future__ import annotations

import math

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.objectives.preference import centering_loss, preference_loss, weighted_mean

finite = st.floats(-50, 50)
probability = st.floats(0, 1)


def as_tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_equal_rewards_cost_log_two() -> None:
    assert preference_loss(as_tensor(0.0)).item() == pytest.approx(math.log(2), abs=1e-12)


def test_known_gap_costs_its_negative_log_likelihood() -> None:
    cost = preference_loss(as_tensor(2.0), as_tensor(0.9), as_tensor(0.5)).item()
    p = 1 / (1 + math.exp(-1.5))
    assert cost == pytest.approx(-0.9 * math.log(p) - 0.1 * math.log(1 - p), abs=1e-12)


@settings(deadline=None, derandomize=True)
@given(finite, probability, finite)
def test_gradient_is_sigmoid_of_shifted_gap_minus_target(gap: float, target: float, margin: float) -> None:
    leaf = as_tensor(gap).requires_grad_()
    preference_loss(leaf, as_tensor(target), as_tensor(margin)).sum().backward()
    assert leaf.grad is not None
    expected = torch.sigmoid(as_tensor(gap - margin)) - target
    torch.testing.assert_close(leaf.grad, expected, atol=1e-9, rtol=0)


@settings(deadline=None, derandomize=True)
@given(st.floats(0.01, 0.99), st.floats(-5, 5))
def test_optimum_gap_is_margin_plus_logit_of_target(target: float, margin: float) -> None:
    leaf = as_tensor(margin + math.log(target / (1 - target))).requires_grad_()
    preference_loss(leaf, as_tensor(target), as_tensor(margin)).sum().backward()
    assert leaf.grad is not None and abs(leaf.grad.item()) < 1e-9


@settings(deadline=None, derandomize=True)
@given(finite, probability, finite)
def test_swapping_the_responses_mirrors_target_and_margin(gap: float, target: float, margin: float) -> None:
    one = preference_loss(as_tensor(gap), as_tensor(target), as_tensor(margin))
    other = preference_loss(as_tensor(-gap), as_tensor(1 - target), as_tensor(-margin))
    torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("gap", [1e4, -1e4])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_huge_gaps_stay_finite_with_their_gradient(gap: float, target: float) -> None:
    leaf = torch.tensor([gap], requires_grad=True)
    loss = preference_loss(leaf, torch.tensor([target]))
    loss.sum().backward()
    assert loss.isfinite().all() and leaf.grad is not None and leaf.grad.isfinite().all()


def test_half_precision_gaps_are_scored_in_single_precision() -> None:
    assert preference_loss(torch.tensor([12.0], dtype=torch.bfloat16)).item() == pytest.approx(math.exp(-12), rel=1e-4)


def test_column_of_targets_against_row_of_gaps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as outside the tests: shapes are not checked
    with pytest.raises(ValueError, match=r"target has shape \(3,\).*\(3, 1\)"):
        preference_loss(torch.zeros(3, 1), torch.ones(3))
    with pytest.raises(ValueError, match="margin has shape"):
        preference_loss(torch.zeros(3), torch.ones(3), torch.zeros(3, 1))
    with pytest.raises(ValueError, match="weight has shape"):
        weighted_mean(torch.zeros(3), torch.ones(3, 1))


def test_members_share_the_columns_of_their_pairs() -> None:
    gaps = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    target, margin = torch.tensor([1.0, 0.5, 0.2]), torch.tensor([0.0, 1.0, -1.0])
    together = preference_loss(gaps, target, margin)
    torch.testing.assert_close(together, torch.stack([preference_loss(g, target, margin) for g in gaps]))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(finite, st.floats(0, 4)), min_size=1, max_size=8))
def test_weight_zero_is_the_same_as_dropped(rows: list[tuple[float, float]]) -> None:
    gaps, weights = torch.tensor(rows, dtype=torch.float64).T
    kept = weights > 0
    loss = preference_loss(gaps)
    expected = weighted_mean(loss[kept], weights[kept])
    torch.testing.assert_close(weighted_mean(loss, weights), expected, atol=1e-9, rtol=1e-9)


def test_infinite_loss_of_weight_zero_does_not_spoil_the_mean() -> None:
    assert weighted_mean(torch.tensor([math.inf, 2.0]), torch.tensor([0.0, 3.0])).item() == pytest.approx(2.0)


def test_infinite_loss_that_counts_is_not_hidden() -> None:
    assert weighted_mean(torch.tensor([math.inf, 2.0]), torch.tensor([1.0, 3.0])).item() == math.inf


def test_no_weight_at_all_teaches_nothing() -> None:
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    mean = weighted_mean(values, torch.zeros(2))
    mean.backward()
    assert mean.item() == 0
    assert values.grad is not None and values.grad.tolist() == [0.0, 0.0]


@settings(deadline=None, derandomize=True)
@given(st.permutations(range(6)))
def test_order_of_pairs_does_not_matter(order: list[int]) -> None:
    values, weight = torch.arange(6.0), torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0, 1.0])
    torch.testing.assert_close(weighted_mean(values[order], weight[order]), weighted_mean(values, weight))


def test_parts_of_a_step_add_up_to_its_mean() -> None:
    values, weight = torch.arange(6.0), torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0, 1.0])
    total = weight.sum()
    parts = sum(weighted_mean(values[part], weight[part], total) for part in (slice(0, 1), slice(1, 5), slice(5, 6)))
    torch.testing.assert_close(parts, weighted_mean(values, weight))


def test_centering_is_the_squared_sum_and_gone_when_rewards_are_opposite() -> None:
    assert centering_loss(torch.tensor([2.0, 1.5]), torch.tensor([1.0, -1.5])).tolist() == [9.0, 0.0]


@settings(deadline=None, derandomize=True)
@given(finite, finite, finite)
def test_constant_added_to_both_rewards_changes_nothing(chosen: float, rejected: float, shift: float) -> None:
    plain, moved = as_tensor(chosen) - as_tensor(rejected), as_tensor(chosen + shift) - as_tensor(rejected + shift)
    torch.testing.assert_close(preference_loss(plain), preference_loss(moved), atol=1e-9, rtol=1e-9)
