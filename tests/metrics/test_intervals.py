"""Bootstrap over groups and Wilson's interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.metrics.intervals import (
    Interval,
    group_bootstrap,
    number_to_see,
    standard_error,
    wilson,
    without_spread,
)


def test_interval_of_independent_values_matches_the_normal_one() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    interval = group_bootstrap(values, np.arange(2000), num_resamples=4000)
    error = 1.96 * values.std() / math.sqrt(2000)
    assert interval.value == pytest.approx(values.mean())
    # Quantiles of 4,000 resamples vary by a few per cent of the width.
    assert interval.high - interval.low == pytest.approx(2 * error, rel=0.06)


def test_copies_within_a_group_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(0).integers(0, 2, 300).astype(float)
    groups = np.arange(300)
    once = group_bootstrap(values, groups)
    fourfold = group_bootstrap(np.repeat(values, 4), np.repeat(groups, 4))
    assert fourfold == once


def test_short_and_general_way_agree() -> None:
    rng = np.random.default_rng(3)
    values, groups = rng.integers(0, 2, 800).astype(float), rng.integers(0, 200, 800)
    short = group_bootstrap(values, groups, num_resamples=4000)
    general = group_bootstrap(values, groups, lambda v: float(v.mean()), num_resamples=4000)
    # Each draws its own 4,000 resamples: their quantiles differ by chance.
    assert short.low == pytest.approx(general.low, abs=0.006) and short.high == pytest.approx(general.high, abs=0.006)


def test_many_kinds_of_groups_take_the_same_road() -> None:
    values = np.random.default_rng(1).normal(size=12_000)
    interval = group_bootstrap(values, np.arange(12_000), num_resamples=300)
    # Only 300 resamples: each end is a quantile of few draws.
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / math.sqrt(12_000), rel=0.15)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        shift = np.repeat(rng.normal(size=60), 5)
        interval = group_bootstrap(
            shift + rng.normal(size=300), np.repeat(np.arange(60), 5), num_resamples=300, seed=trial
        )
        hits += interval.low <= 0 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_same_seed_gives_the_same_interval_and_strings_are_groups() -> None:
    values = [1.0, 0.0, 1.0, 1.0]
    groups = ["a", "a", "b", "c"]
    assert group_bootstrap(values, groups, seed=7) == group_bootstrap(values, groups, seed=7)


def test_nan_values_are_left_out_of_the_mean() -> None:
    assert group_bootstrap([1.0, np.nan, 0.0], [0, 1, 2]).value == 0.5


def test_one_group_has_a_value_but_no_interval() -> None:
    interval = group_bootstrap([1.0, 0.0], ["x", "x"])
    assert interval.value == 0.5 and math.isnan(interval.low)
    assert interval.as_dict() == {"value": 0.5, "low": None, "high": None}


def test_statistic_sees_whole_rows() -> None:
    rows = np.column_stack([np.arange(50.0), 2 * np.arange(50.0)])
    interval = group_bootstrap(rows, np.arange(50), lambda v: float(v[:, 1].sum() / v[:, 0].sum()), num_resamples=20)
    assert interval == Interval(2.0, 2.0, 2.0)


def test_missing_group_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values need one each"):
        group_bootstrap([1.0, 0.0], ["x"])


def test_wilson_matches_the_textbook() -> None:
    interval = wilson(8, 10)
    assert interval.low == pytest.approx(0.4902, abs=1e-4) and interval.high == pytest.approx(0.9433, abs=1e-4)


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_stays_in_range_around_the_share_and_mirrors(hits: int, trials: int) -> None:
    hits = min(hits, trials)
    interval, mirror = wilson(hits, trials), wilson(trials - hits, trials)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirror.high, abs=1e-12)


def test_wilson_without_trials_knows_nothing() -> None:
    interval = wilson(0, 0)
    assert math.isnan(interval.value) and (interval.low, interval.high) == (0.0, 1.0)


def test_a_difference_without_spread_is_as_sure_as_its_groups_are_many() -> None:
    unsure = 1 - wilson(20, 20).low
    found = without_spread(0.0, 1.0, 20)
    assert (found.low, found.high) == (pytest.approx(-unsure), pytest.approx(unsure))
    assert without_spread(0.5, 1.0, 10**6).low == pytest.approx(0.5, abs=1e-5)
    assert without_spread(0.5, 1.0, 20).low < 0.5 < without_spread(0.5, 1.0, 20).high


def test_the_standard_error_is_that_of_the_bootstrap_over_groups() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 3)
    values = rng.normal(size=200)[groups] + rng.normal(size=600)
    error = standard_error(values, groups)
    interval = group_bootstrap(values, groups, num_resamples=4000)
    assert error == pytest.approx((interval.high - interval.low) / (2 * 1.96), rel=0.05)
    assert standard_error(values, np.arange(600)) == pytest.approx(values.std(ddof=1) / 600**0.5)
    assert np.isnan(standard_error([1.0, 2.0], [7, 7]))


def test_a_difference_half_as_large_needs_four_times_as_many() -> None:
    assert number_to_see(0.1, 0.5, 1) == pytest.approx((2.8016 * 5) ** 2, rel=0.03)
    few, many = number_to_see(0.1, 0.5, 1), number_to_see(0.05, 0.5, 1)
    assert few and many and many / few == pytest.approx(4, rel=0.05)
    assert number_to_see(0.1, 0.0, 1) is None and number_to_see(0.0, 0.5, 1) is None
