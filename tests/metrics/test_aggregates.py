"""Aggregates of members: closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.metrics.aggregates import Aggregate, Aggregation

REWARDS = np.array([[1.0, -2.0], [3.0, -2.0], [5.0, -2.0], [7.0, -2.0]])  # four members, two conversations


@pytest.mark.parametrize(
    ("how", "coefficient", "expected"),
    [
        ("mean", None, 4.0),
        ("min", None, 1.0),
        ("mean_minus_std", None, 4.0 - np.sqrt(5.0)),
        ("mean_minus_std", 2.0, 4.0 - 2 * np.sqrt(5.0)),
        ("mean_minus_variance", None, -1.0),
        ("mean_minus_variance", 0.1, 3.5),
        ("quantile", None, 2.5),
        ("quantile", 0.5, 4.0),
        ("quantile", 0.0, 1.0),
    ],
)
def test_aggregates_of_an_arithmetic_series(how: Aggregate, coefficient: float | None, expected: float) -> None:
    found = Aggregation(how, coefficient)(REWARDS)
    np.testing.assert_allclose(found, [expected, -2.0], rtol=0, atol=1e-12)  # members that agree: their reward


@given(
    how=st.sampled_from(("mean", "min", "mean_minus_std", "mean_minus_variance", "quantile")),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 99),
)
def test_a_constant_passes_through_and_the_order_of_members_does_not_matter(
    how: Aggregate, shift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=(5, 7))
    found = Aggregation(how)(rewards)
    assert (found <= rewards.mean(0) + 1e-12).all() or how == "quantile"
    np.testing.assert_allclose(Aggregation(how)(rng.permutation(rewards) + shift), found + shift, rtol=0, atol=1e-9)


def test_a_member_without_a_number_leaves_none() -> None:
    rewards = np.array([[1.0, np.nan], [1.0, 2.0]])
    for how in ("mean", "min", "mean_minus_std", "mean_minus_variance", "quantile"):
        assert np.isnan(Aggregation(how)(rewards)).tolist() == [False, True]  # type: ignore[arg-type]


@pytest.mark.parametrize(("how", "coefficient"), [("mean", 1.0), ("min", 0.0), ("quantile", 1.5)])
def test_a_coefficient_that_means_nothing_is_refused(how: Aggregate, coefficient: float) -> None:
    with pytest.raises(ValueError, match="coefficient"):
        Aggregation(how, coefficient)


@pytest.mark.parametrize("coefficient", [-1.0, float("nan"), float("inf")])
def test_a_penalty_is_a_finite_number_of_at_least_zero(coefficient: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and inf"):
        Aggregation("mean_minus_std", coefficient)
