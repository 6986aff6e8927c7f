"""Weights of pairs by how likely another policy would make them, in closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.objectives.ocrm import LARGEST_FACTOR, off_policy_weights

log_ratios = st.lists(st.tuples(st.floats(-300, 300), st.floats(-300, 300)), min_size=1, max_size=8).map(
    lambda pairs: torch.tensor(pairs, dtype=torch.float64).T
)


def test_two_pairs_by_hand() -> None:
    weights = off_policy_weights(torch.tensor([[10.0, -5.0], [20.0, 0.0]]), 0.01)
    likely, unlikely = math.exp(0.3), math.exp(-0.05)
    mean = (likely + unlikely) / 2
    assert weights.tolist() == pytest.approx([likely / mean, unlikely / mean])


def test_an_importance_weight_at_coefficient_one() -> None:
    ratios = torch.tensor([[2.0, 1.0, 0.5], [0.5, 3.0, 1.0]], dtype=torch.float64)
    products = ratios.prod(0)
    torch.testing.assert_close(off_policy_weights(ratios.log(), 1.0), products / products.mean())


@given(log_ratios, st.floats(0, 1))
def test_the_mean_is_one_and_no_weight_is_far_from_the_usual_one(ratios: torch.Tensor, coefficient: float) -> None:
    weights = off_policy_weights(ratios, coefficient)
    assert weights.mean().item() == pytest.approx(1)
    assert weights.max() / weights.min() <= LARGEST_FACTOR**2 * (1 + 1e-9)
    torch.testing.assert_close(weights, off_policy_weights(ratios.flip(0), coefficient))
    torch.testing.assert_close(weights, off_policy_weights(ratios + 40, coefficient))


def test_far_pairs_are_clipped_to_ten_times_and_a_tenth_of_the_geometric_mean() -> None:
    weights = off_policy_weights(torch.tensor([[1e3, -1e3, 0.0]] * 2), 1.0)
    assert (weights / weights[2]).tolist() == pytest.approx([10, 0.1, 1])


def test_equal_policies_and_coefficient_zero_weigh_all_alike() -> None:
    assert off_policy_weights(torch.zeros(2, 3), 0.5).tolist() == [1, 1, 1]
    assert off_policy_weights(torch.tensor([[5.0, -9.0, 70.0]] * 2), 0.0).tolist() == [1, 1, 1]


def test_a_response_that_cannot_come_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 of 4 log-ratios are not finite"):
        off_policy_weights(torch.tensor([[0.0, -math.inf], [0.0, 0.0]]), 0.01)
