"""Win rates count ties half; at equal lengths a preference for length alone is worth nothing."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest
from scipy.special import expit, logit

from rewardsmith.metrics.intervals import MIN_GROUPS, group_bootstrap
from rewardsmith.metrics.win_rates import length_controlled_rate, win_rate


def test_ties_count_half_and_prompts_vary_as_one() -> None:
    credits, prompts = [1.0, 1.0, 0.5, 0.0] * 10, [f"{n}" for n in range(40)]
    rate = win_rate(credits, prompts)
    assert rate.value == 0.625 and 0.45 < rate.low < 0.55 < 0.7 < rate.high < 0.8
    twice = win_rate(np.repeat(credits, 4), np.repeat(prompts, 4))  # copies are no evidence
    assert twice == rate
    assert group_bootstrap(np.repeat(credits, 4), np.arange(160)).low > rate.low


def test_a_hundred_prompts_give_ten_points_and_four_hundred_five() -> None:
    for number, half in ((100, 0.098), (400, 0.049)):
        rate = win_rate([1.0, 0.0] * (number // 2), np.arange(number))
        assert (rate.high - rate.low) / 2 == pytest.approx(half, abs=0.012)


def test_few_prompts_have_no_interval_and_unanimous_ones_claim_no_certainty() -> None:
    few = win_rate([1.0] * 9, np.arange(MIN_GROUPS - 1))
    assert few.value == 1 and isnan(few.low)
    all_won = win_rate([1.0] * 20, np.arange(20))
    assert all_won.value == 1 and 0.5 < all_won.low < 0.95
    assert isnan(win_rate([], []).value)


def test_what_length_explains_is_taken_out() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.normal(80, 100, size=4000)
    for a in (0.0, 0.7):
        p = expit(a + 2 * np.tanh(gaps / gaps.std()))
        rate = length_controlled_rate(rng.random(4000) < p, gaps, np.arange(4000))
        assert rate.low < expit(a) < rate.high and rate.high - rate.low < 0.06
        assert (rng.random(4000) < p).mean() > expit(a) + 0.1


def test_two_lengths_have_a_closed_form() -> None:
    x = np.tanh(1.0)  # gaps of one size lie one standard deviation from 0
    longer, shorter = 30 / 40, 10 / 40
    credits = [1.0] * 30 + [0.0] * 10 + [1.0] * 10 + [0.0] * 30
    rate = length_controlled_rate(credits, [50] * 40 + [-50] * 40, np.arange(80))
    assert rate.value == pytest.approx(0.5, abs=1e-9)
    tilted = [1.0] * 36 + [0.0] * 4 + [1.0] * 20 + [0.0] * 20
    a = (logit(36 / 40) + logit(0.5)) / 2
    assert length_controlled_rate(tilted, [50] * 40 + [-50] * 40, np.arange(80)).value == pytest.approx(expit(a))
    assert x > 0 and longer > shorter and log(3) == pytest.approx(logit(longer))


def test_lengths_without_spread_change_nothing_and_lengths_that_decide_leave_nothing() -> None:
    credits = [1.0, 0.0, 1.0, 0.5] * 5
    assert length_controlled_rate(credits, [7] * 20, np.arange(20)).value == 0.625
    assert isnan(length_controlled_rate([1.0, 0.0] * 10, [9, -9] * 10, np.arange(20)).value)
    assert length_controlled_rate([1.0] * 20, np.arange(20), np.arange(20)).value == 1


def test_swapping_the_sides_mirrors_the_rates() -> None:
    rng = np.random.default_rng(1)
    credits, gaps, prompts = rng.choice([0, 0.5, 1.0], size=60), rng.normal(size=60), np.arange(60) // 2
    for rate, other in (
        (win_rate(credits, prompts), win_rate(1 - credits, prompts)),
        (length_controlled_rate(credits, gaps, prompts), length_controlled_rate(1 - credits, -gaps, prompts)),
    ):
        assert rate.value == pytest.approx(1 - other.value, abs=1e-9)
        assert rate.low == pytest.approx(1 - other.high, abs=0.02)
