"""Leanings of choices that come in groups: closed forms, and how often chance looks like one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from rewardsmith.metrics.intervals import MIN_GROUPS, score_ends
from rewardsmith.metrics.leaning import adjusted, effective_groups, grouped_mean, grouped_share, leaning


def test_the_mean_of_single_choices_has_the_interval_of_students_t() -> None:
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    found, known = grouped_mean(values, np.arange(40)), ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_a_share_of_single_choices_has_wilsons_interval_and_its_p_value() -> None:
    hits = np.arange(200) < 120
    share, p_value = grouped_share(hits, np.arange(200))
    effective = 200 / (200 / 199)  # the variance within 200 groups of one, over that of 200 trials
    assert (share.low, share.high) == pytest.approx(score_ends(0.6, effective, float(t.ppf(0.975, 199))))
    assert p_value == pytest.approx(2 * t.sf(0.2 * math.sqrt(effective), 199))


def test_an_interval_that_ends_at_a_half_has_a_p_value_of_one_in_twenty() -> None:
    hits, groups = np.random.default_rng(1).random(300) < 0.56, np.arange(300) // 3
    share, p_value = grouped_share(hits, groups)
    assert (share.low > 0.5 or share.high < 0.5) == (p_value < 0.05)


def test_copies_within_a_group_make_nothing_surer() -> None:
    difference = np.random.default_rng(0).normal(0.2, 1, 60).round()
    once = leaning(difference, np.arange(60))
    often = leaning(np.repeat(difference, 5), np.repeat(np.arange(60), 5))
    assert (often.share.low, often.share.high) == pytest.approx((once.share.low, once.share.high), rel=1e-9)
    assert often.p_value == pytest.approx(once.p_value) and often.difference == once.difference
    assert (often.num_more, often.num_less) == (5 * once.num_more, 5 * once.num_less)


def test_swapping_both_sides_turns_the_leaning() -> None:
    difference = np.random.default_rng(0).normal(0.2, 1, 80).round()
    found, turned = leaning(difference, np.arange(80) // 2), leaning(-difference, np.arange(80) // 2)
    assert turned.share.low == pytest.approx(1 - found.share.high)
    assert turned.p_value == pytest.approx(found.p_value)
    assert turned.difference.value == -found.difference.value


def test_pairs_that_do_not_differ_count_in_the_difference_alone() -> None:
    found = leaning(np.array([1.0] * 12 + [0.0] * 12), np.arange(24))
    assert (found.num_more, found.num_less, found.share.value, found.difference.value) == (12, 0, 1.0, 0.5)


def test_where_all_choices_agree_each_group_is_one_trial() -> None:
    share, p_value = grouped_share(np.ones(300, dtype=bool), np.arange(300) // 20)
    assert share.low == pytest.approx(score_ends(1.0, 15, float(t.ppf(0.975, 14)))[0]) and share.high == 1.0
    assert 0 < p_value < 0.01


def test_few_groups_have_a_value_and_nothing_else() -> None:
    difference = np.random.default_rng(0).normal(1, 1, 500)
    found = leaning(difference, np.arange(500) % (MIN_GROUPS - 1))
    assert found.share.value > 0.5 and math.isnan(found.share.low) and math.isnan(found.p_value)
    assert math.isnan(found.difference.low)
    assert math.isnan(leaning(np.zeros(0), np.zeros(0, dtype=np.int64)).share.value)


def test_groups_of_unequal_size_count_as_fewer() -> None:
    assert effective_groups(np.arange(60) % 12) == pytest.approx(12)
    assert effective_groups(np.repeat(np.arange(12), [10, *[1] * 11])) == pytest.approx(21**2 / 111)
    assert effective_groups(np.repeat(np.arange(12), [100, *[1] * 11])) is None
    assert effective_groups(np.arange(MIN_GROUPS - 1)) is None and effective_groups(np.arange(0)) is None


def test_p_values_of_a_family_are_those_of_benjamini_and_hochberg() -> None:
    assert adjusted([0.01, math.nan, 0.5, 0.02]) == pytest.approx([0.03, math.nan, 0.5, 0.03], nan_ok=True)
    assert adjusted([]) == [] and math.isnan(adjusted([math.nan])[0])


@pytest.mark.parametrize("sizes", [np.full(20, 12), np.array([120, 60, *[6] * 12])])
def test_chance_looks_like_a_leaning_about_as_often_as_it_says(sizes: np.ndarray) -> None:
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = []
    for _ in range(600):
        of_group = rng.normal(0, 0.8, len(sizes))[groups]  # pairs of a prompt go together
        found.append(leaning(of_group + rng.normal(size=len(groups)), groups).p_value)
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.075
