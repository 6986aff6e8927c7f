"""Paired differences of two models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.metrics.intervals import Interval, group_bootstrap, wilson
from rewardsmith.metrics.paired import PairedDifference, paired_difference


def test_what_both_share_cancels() -> None:
    rng = np.random.default_rng(0)
    hardness = rng.normal(scale=10, size=500)
    first, second = hardness + 0.3 + rng.normal(size=500), hardness + rng.normal(size=500)
    found = paired_difference(first, second, np.arange(500))
    assert found.difference.value == pytest.approx(float(np.mean(first - second)))
    assert found.is_clear and found.difference.high - found.difference.low < 0.3
    alone = group_bootstrap(first, np.arange(500))
    assert alone.high - alone.low > 1.5


def test_independent_rows_get_the_textbook_interval() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 2, (2, 2000)).astype(float)
    found = paired_difference(first, second, np.arange(2000), num_resamples=4000).difference
    # Quantiles of 4,000 resamples vary by a few per cent of the width.
    assert found.high - found.low == pytest.approx(2 * 1.96 * (first - second).std() / math.sqrt(2000), rel=0.06)


def test_groups_are_resampled_as_wholes() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 2, (2, 100)).astype(float)
    once = paired_difference(first, second, np.arange(100))
    fourfold = paired_difference(np.repeat(first, 4), np.repeat(second, 4), np.repeat(np.arange(100), 4))
    assert fourfold.difference == once.difference and fourfold.num_rows == 400


def test_rows_that_one_model_has_no_number_for_are_out() -> None:
    found = paired_difference([1.0, math.nan, 0.0], [0.0, 1.0, 0.0], [0, 1, 2])
    assert (found.first, found.second, found.difference.value, found.num_rows) == (0.5, 0.0, 0.5, 2)


def test_models_that_never_differ_are_not_certainly_equal() -> None:
    found = paired_difference([1.0, 0.0, 1.0], [1.0, 0.0, 1.0], ["a", "b", "b"], widest=1.0)
    bound = 1 - wilson(2, 2).low
    assert (found.difference.low, found.difference.high) == (pytest.approx(-bound), pytest.approx(bound))
    assert not found.is_clear


def test_a_model_that_is_always_better_is_bounded_by_the_number_of_groups() -> None:
    found = paired_difference(np.ones(20), np.zeros(20), np.arange(20), widest=1.0)
    assert found.difference.high == 1.0 and found.difference.low == pytest.approx(2 * wilson(20, 20).low - 1)
    assert found.is_clear


@pytest.mark.parametrize(
    ("low", "high", "is_clear"),
    [(0.01, 0.2, True), (0.0, 0.2, False), (-0.1, 0.2, False), (-0.1, 0.0, False), (-0.2, -0.01, True)],
)
def test_an_interval_that_touches_zero_is_not_clear(low: float, high: float, is_clear: bool) -> None:
    assert PairedDifference(0.5, 0.5, Interval(0.0, low, high), 9).is_clear == is_clear


def test_nothing_in_common_is_no_number() -> None:
    found = paired_difference([math.nan], [1.0], [0]).as_dict()
    assert found["difference"] is None and found["is_clear"] is False and found["num_rows"] == 0


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        paired_difference([1.0, 0.0], [1.0], [0, 1])


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 0.5, 1])), min_size=10, max_size=30))
def test_changing_the_models_places_mirrors_the_difference(rows: list[tuple[float, float]]) -> None:
    first, second = np.array(rows, dtype=float).T
    groups = np.arange(len(rows))
    found = paired_difference(first, second, groups, 50, widest=1.0).difference
    mirror = paired_difference(second, first, groups, 50, widest=1.0).difference
    assert found.value == pytest.approx(-mirror.value)
    assert -1 - 1e-12 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1 + 1e-12
