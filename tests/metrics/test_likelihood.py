"""Negative log-likelihood."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.metrics.likelihood import negative_log_likelihood


def test_constant_rewards_cost_log_two() -> None:
    assert negative_log_likelihood([0.0, 0.0], [1.0, 0.3]) == pytest.approx(math.log(2))


def test_known_gap() -> None:
    assert negative_log_likelihood([2.0], [0.9]) == pytest.approx(
        -0.9 * math.log(1 / (1 + math.exp(-2))) - 0.1 * math.log(1 / (1 + math.exp(2)))
    )


def test_huge_gaps_stay_finite_and_nothing_is_nan() -> None:
    assert negative_log_likelihood([1e4, -1e4]) == pytest.approx(5e3)
    assert math.isnan(negative_log_likelihood([]))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 1)), min_size=1))
def test_swapping_every_pair_changes_nothing(rows: list[tuple[float, float]]) -> None:
    gaps, target = np.array(rows).T
    assert negative_log_likelihood(gaps, target) == pytest.approx(negative_log_likelihood(-gaps, 1 - target))
