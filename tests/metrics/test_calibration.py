"""Likelihood, calibration error, Brier score and the reliability table, by hand-made tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.metrics.calibration import (
    agreement,
    brier_score,
    calibration_error,
    confidence,
    equal_mass_bins,
    equal_width_bins,
    error_by_chance,
    negative_log_likelihood,
    num_mass_bins,
    probability,
    reliability_table,
)


def gap_of(chance: float) -> float:
    return math.log(chance / (1 - chance))


def table(*rows: tuple[float, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Gaps and targets of pairs by (confidence, labels that agree, labels that do not)."""
    gaps = [gap_of(sure) for sure, yes, no in rows for _ in range(yes + no)]
    target = [float(i < yes) for _, yes, no in rows for i in range(yes + no)]
    return np.array(gaps), np.array(target)


def test_hand_made_table() -> None:
    gaps, target = table((0.9, 6, 4), (0.6, 12, 8))  # 0.6 is kept, 0.9 is missed by 0.3
    sure, agree = confidence(gaps), agreement(gaps, target)
    first, second = reliability_table(sure, agree, equal_width_bins(sure))
    assert (first.count, second.count) == (20, 10)
    assert (first.confidence, first.agreement) == (pytest.approx(0.6), pytest.approx(0.6))
    assert (second.confidence, second.agreement) == (pytest.approx(0.9), pytest.approx(0.6))
    for bins in (equal_width_bins(sure), equal_mass_bins(sure)):
        assert calibration_error(sure, agree, bins) == pytest.approx(0.3 / 3)


def test_brier_score_of_hand_made_pairs() -> None:
    assert brier_score([0.0, 0.0], [1.0, 0.0]) == 0.25
    assert brier_score([gap_of(0.8), gap_of(0.8)], [1.0, 0.0]) == pytest.approx((0.04 + 0.64) / 2)
    assert brier_score([gap_of(0.8)], [0.8]) == pytest.approx(0.0)
    assert math.isnan(brier_score([]))


def test_gaps_of_any_size_have_a_probability() -> None:
    found = probability([1e4, -1e4, 0.0, gap_of(0.3)])
    assert found == pytest.approx([1.0, 0.0, 0.5, 0.3])


def test_errors_of_one_bin_cancel_and_those_of_two_do_not() -> None:
    gaps, target = table((0.7, 5, 5), (0.701, 9, 1))
    sure, agree = confidence(gaps), agreement(gaps, target)
    assert calibration_error(sure, agree, np.zeros(20, dtype=np.int64)) == pytest.approx(0.0005)
    assert calibration_error(sure, agree, equal_mass_bins(sure)) == pytest.approx((0.2 + 0.199) / 2)


def test_bins_of_equal_mass_are_equal_and_rise() -> None:
    sure = np.random.default_rng(0).uniform(0.5, 1, 1000)
    bins = equal_mass_bins(sure)
    assert np.bincount(bins).tolist() == [100] * 10
    assert (np.diff(bins[np.argsort(sure)]) >= 0).all()


@pytest.mark.parametrize(("num_pairs", "num_bins"), [(0, 1), (1, 1), (27, 3), (1000, 10), (10**6, 20)])
def test_there_are_as_many_bins_as_the_cube_root_of_the_pairs(num_pairs: int, num_bins: int) -> None:
    assert num_mass_bins(num_pairs) == num_bins


def test_equal_confidences_share_a_bin() -> None:
    sure = np.array([0.5] * 90 + [0.8, 0.9] * 5)
    bins = equal_mass_bins(sure)
    assert len(set(bins[:90])) == 1 and set(bins) == set(range(int(bins.max()) + 1))


def test_bins_of_equal_width_have_their_edges_on_round_numbers() -> None:
    bins = equal_width_bins(np.array([0.5, 0.549, 0.551, 0.999, 1.0]))
    assert bins.tolist() == [0, 0, 1, 2, 2]


def test_a_calibrated_model_shows_the_error_that_chance_makes() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 400)
    bins = equal_mass_bins(sure)
    errors = [calibration_error(sure, (rng.random(400) < sure).astype(float), bins) for _ in range(500)]
    # 500 draws, each with a deviation of a quarter of the mean.
    assert np.mean(errors) == pytest.approx(error_by_chance(sure, bins), rel=0.04)


def test_no_pairs_have_no_error() -> None:
    nothing = np.zeros(0)
    bins = equal_mass_bins(nothing)
    assert reliability_table(nothing, nothing, bins) == []
    assert math.isnan(calibration_error(nothing, nothing, bins)) and math.isnan(error_by_chance(nothing, bins))


PAIRS = st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None, derandomize=True)
@given(PAIRS)
def test_swapping_any_pairs_changes_no_number(rows: list[tuple[float, float, bool]]) -> None:
    gaps, target, swap = (np.array(column) for column in zip(*rows, strict=True))
    turned, labels = np.where(swap, -gaps, gaps), np.where(swap, 1 - target, target)
    assert confidence(turned).tolist() == confidence(gaps).tolist()
    assert agreement(turned, labels) == pytest.approx(agreement(gaps, target))
    assert brier_score(turned, labels) == pytest.approx(brier_score(gaps, target))


@settings(deadline=None, derandomize=True)
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(rows: list[tuple[float, float, bool]], random: object) -> None:
    mixed = rows.copy()
    random.shuffle(mixed)  # type: ignore[attr-defined]
    found = []
    for pairs in (rows, mixed):
        gaps, target, _ = (np.array(column) for column in zip(*pairs, strict=True))
        sure, agree = confidence(gaps), agreement(gaps, target)
        found.append(calibration_error(sure, agree, equal_mass_bins(sure)))
    assert found[0] == pytest.approx(found[1])


def test_constant_rewards_cost_log_two() -> None:
    assert negative_log_likelihood([0.0, 0.0], [1.0, 0.3]) == pytest.approx(math.log(2))


def test_the_likelihood_of_a_known_gap() -> None:
    assert negative_log_likelihood([2.0], [0.9]) == pytest.approx(
        -0.9 * math.log(1 / (1 + math.exp(-2))) - 0.1 * math.log(1 / (1 + math.exp(2)))
    )


def test_the_likelihood_of_huge_gaps_is_finite_and_of_nothing_nan() -> None:
    assert negative_log_likelihood([1e4, -1e4]) == pytest.approx(5e3)
    assert math.isnan(negative_log_likelihood([]))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-30, 30), st.floats(0, 1)), min_size=1))
def test_swapping_every_pair_does_not_change_the_likelihood(rows: list[tuple[float, float]]) -> None:
    gaps, target = np.array(rows).T
    assert negative_log_likelihood(gaps, target) == pytest.approx(negative_log_likelihood(-gaps, 1 - target))
