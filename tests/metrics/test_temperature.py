"""The temperature of a set: closed forms, its interval, and what has none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.metrics.calibration import negative_log_likelihood, probability
from rewardsmith.metrics.temperature import Temperature, crossfitted_scales, fit_scale, fit_temperature


def simulated(num_pairs: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaps that have to be divided by ``temperature`` to be true."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(scale=2, size=num_pairs)
    return truth * temperature, (rng.random(num_pairs) < probability(truth)).astype(float)


def test_gaps_of_one_size_are_brought_to_the_share_that_agrees() -> None:
    gaps = np.array([3.0, -3.0, 3.0, -3.0])
    target = np.array([1.0, 0.0, 1.0, 1.0])  # three of four agree
    assert fit_scale(gaps, target) == pytest.approx(math.log(3) / 3)


def test_gaps_that_are_the_truth_need_no_temperature() -> None:
    gaps = np.linspace(-4, 4, 41)
    assert fit_scale(gaps, probability(gaps)) == pytest.approx(1.0)
    assert fit_temperature(2.5 * gaps, probability(gaps), np.arange(41)).value == pytest.approx(2.5)


def test_a_planted_temperature_is_found_within_its_interval() -> None:
    hits = 0
    for seed in range(60):
        gaps, target = simulated(400, 3.0, seed)
        fitted = fit_temperature(gaps, target, np.arange(400))
        hits += fitted.low <= 3.0 <= fitted.high
    assert hits >= 51  # 95 % of 60 are 57; 51 is three deviations below


def test_interval_matches_a_bootstrap_over_groups() -> None:
    gaps, target = simulated(600, 2.0)
    groups = np.repeat(np.arange(120), 5)
    rng, draws = np.random.default_rng(1), []
    for _ in range(400):
        rows = np.concatenate([np.arange(5) + 5 * g for g in rng.integers(120, size=120)])
        draws.append(1 / fit_scale(gaps[rows], target[rows]))
    fitted = fit_temperature(gaps, target, groups)
    # 400 draws: their deviation is known to about 4 %.
    width = math.log(fitted.high / fitted.low) / (2 * 1.96)
    assert width == pytest.approx(np.log(draws).std(), rel=0.12)


def test_interval_of_pairs_of_one_size_is_the_textbook_one() -> None:
    agree = np.arange(1000) < 800
    fitted = fit_temperature(np.full(1000, 2.0), agree.astype(float), np.arange(1000))
    error = 1 / math.sqrt(1000 * 0.8 * 0.2) / math.log(4)  # of logit(share), relative
    assert math.log(fitted.high / fitted.low) == pytest.approx(2 * 1.96 * error, rel=1e-3)


def test_copies_within_a_group_do_not_narrow_the_interval() -> None:
    gaps, target = simulated(200, 1.5)
    once = fit_temperature(gaps, target, np.arange(200))
    fourfold = fit_temperature(np.repeat(gaps, 4), np.repeat(target, 4), np.repeat(np.arange(200), 4))
    assert (fourfold.low, fourfold.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_labels_that_say_almost_nothing_leave_the_temperature_open() -> None:
    target = np.array([1.0, 0.0] * 500 + [0.5001])
    fitted = fit_temperature(np.ones(1001), target, np.arange(1001))
    assert fitted.is_number and not fitted.is_usable and (fitted.low, fitted.high) == (0.0, math.inf)


@pytest.mark.parametrize(("low", "usable"), [(1.01, True), (0.99, False), (0.0, False), (math.nan, False)])
def test_a_temperature_is_usable_where_it_is_known_to_a_factor_of_two(low: float, usable: bool) -> None:
    assert Temperature(2.0, low, 4.0).is_usable == usable


def test_labels_that_all_agree_have_no_finite_scale() -> None:
    fitted = fit_temperature([1.0, -2.0], [1.0, 0.0], [0, 1])
    assert fitted.value == 0 and not fitted.is_usable and math.isnan(fitted.low)


@pytest.mark.parametrize(("gaps", "target"), [([1.0, 2.0], [0.0, 0.5]), ([0.0, 0.0], [1.0, 1.0]), ([], [])])
def test_gaps_that_know_nothing_have_no_temperature(gaps: list[float], target: list[float]) -> None:
    fitted = fit_temperature(gaps, target, np.arange(len(gaps)))
    assert fitted.value == math.inf and not fitted.is_usable


def test_one_group_has_a_value_but_no_interval() -> None:
    fitted = fit_temperature([3.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 0.0], ["x"] * 4)
    assert fitted.value == pytest.approx(3 / math.log(3)) and math.isnan(fitted.high) and not fitted.is_usable


def test_crossfitted_scales_have_not_seen_the_group() -> None:
    gaps, target = simulated(300, 2.0)
    groups = np.repeat(np.arange(100), 3)
    before = crossfitted_scales(gaps, target, groups)
    turned = target.copy()
    turned[:3] = 1 - turned[:3]
    after = crossfitted_scales(gaps, turned, groups)
    assert before is not None and after is not None
    assert before[:3].tolist() == after[:3].tolist() and before.tolist() != after.tolist()
    assert len(np.unique(before)) == 5 and 1 / before == pytest.approx(np.full(300, 2.0), rel=0.5)


def test_crossfitting_needs_two_groups_and_a_label_against_the_gaps() -> None:
    assert crossfitted_scales([1.0, 2.0], [1.0, 0.0], ["x", "x"]) is None
    assert crossfitted_scales([1.0, 2.0, 1.0], [1.0, 1.0, 1.0], [0, 1, 2]) is None


ROWS = st.lists(st.tuples(st.floats(0.1, 30), st.floats(0.05, 0.95), st.booleans()), min_size=1, max_size=30)


@settings(deadline=None, derandomize=True)
@given(ROWS, st.floats(0.01, 100))
def test_no_other_factor_is_likelier_and_units_do_not_matter(rows: list[tuple[float, float, bool]], c: float) -> None:
    sizes, target, turned = (np.array(column) for column in zip(*rows, strict=True))
    gaps = np.where(turned, -sizes, sizes)
    factor = fit_scale(gaps, target)
    best = negative_log_likelihood(factor * gaps, target)
    for other in (0.9 * factor, 1.1 * factor, factor + 0.01):
        assert best <= negative_log_likelihood(other * gaps, target) + 1e-12
    assert fit_scale(c * gaps, target) * c == pytest.approx(factor, rel=1e-6, abs=1e-9)
    assert fit_scale(-gaps, 1 - target) == pytest.approx(factor, rel=1e-6, abs=1e-9)
