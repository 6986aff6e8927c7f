from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_evidence import random_evidence, same
from scipy.special import expit

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.exports.outgoing import oriented
from rewardsmith.refining.rules.adaptive_margin import AdaptiveMargin, temperature_factor
from rewardsmith.refining.rules.labels import Flip
from rewardsmith.refining.selection import Where


def test_the_paper_s_margin_is_the_in_sample_mean_as_it_is():
    evidence, labels = random_evidence()
    change = AdaptiveMargin(source="in_sample").apply(evidence, labels)
    mean = evidence.strength_mean_in_sample[change.selected]
    np.testing.assert_allclose(change.supervision.margin[change.selected], mean, rtol=1e-12)
    assert (change.supervision.margin < 0).any()


def test_margins_and_flips_come_in_either_order():
    evidence, labels = random_evidence()
    margin, flip = AdaptiveMargin(), Flip(where=Where(strength_quantile=(0.0, 0.3)))
    one = flip.apply(evidence, margin.apply(evidence, labels).supervision).supervision
    other = margin.apply(evidence, flip.apply(evidence, labels).supervision).supervision
    assert same(one, other)


def test_a_pair_that_the_judges_would_flip_too_has_a_positive_margin_where_it_is_exported():
    evidence, labels = random_evidence()
    flipped = Flip(where=Where(strength=(None, 0.0))).apply(evidence, labels)
    change = AdaptiveMargin().apply(evidence, flipped.supervision)
    numbers = {"target": change.supervision.target, "margin": change.supervision.margin}
    exported = oriented(pa.table(numbers).filter(pa.array(flipped.selected & change.selected)))
    assert len(exported) > 0 and min(exported["margin"].to_pylist()) > 0


def test_ties_and_pairs_without_judges_keep_their_margin():
    evidence, labels = random_evidence()
    change = AdaptiveMargin().apply(evidence, labels)
    assert np.array_equal(change.selected, evidence.decided & ~np.isnan(evidence.strength_mean))
    assert np.array_equal(change.supervision.margin[~change.selected], labels.margin[~change.selected])


def test_clipping_is_in_the_direction_of_the_label():
    evidence, labels = random_evidence()
    change = AdaptiveMargin(clip=(0.0, None), scale=2.0).apply(evidence, labels)
    margin = np.where(labels.target < 0.5, -change.supervision.margin, change.supervision.margin)[change.selected]
    free = AdaptiveMargin(scale=2.0).apply(evidence, labels).supervision.margin
    own = np.where(labels.target < 0.5, -free, free)[change.selected]
    np.testing.assert_array_equal(margin, np.maximum(own, 0))
    assert (own < 0).any()


def test_the_factor_is_the_one_the_labels_were_made_with():
    rng = np.random.default_rng(0)
    gap = rng.normal(0, 2, 40_000)
    target = (rng.random(len(gap)) < expit(0.4 * gap)).astype(float)
    assert temperature_factor(gap, target) == pytest.approx(0.4, abs=0.02)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 100), st.integers(0, 50))
def test_the_factor_undoes_the_units_of_the_gap(unit, seed):
    rng = np.random.default_rng(seed)
    gap = rng.normal(0.5, 1, 200)
    target = (rng.random(200) < expit(gap)).astype(float)
    assert temperature_factor(unit * gap, target) * unit == pytest.approx(temperature_factor(gap, target), rel=1e-6)


def test_ties_and_pairs_without_judges_say_nothing_of_the_factor():
    rng = np.random.default_rng(0)
    gap, target = rng.normal(1, 1, 300), (rng.random(300) < 0.8).astype(float)
    more = np.concatenate([gap, np.full(100, 3.0), [np.nan]]), np.concatenate([target, np.full(100, 0.5), [1.0]])
    assert temperature_factor(*more) == temperature_factor(gap, target) > 0


def test_judges_that_never_miss_get_a_finite_factor_and_misleading_ones_none():
    gap = np.linspace(0.5, 3, 100)
    assert 0 < temperature_factor(gap, np.ones(100)) < 100
    assert temperature_factor(gap, np.zeros(100)) == 0
    assert temperature_factor(np.array([np.nan, 1.0]), np.array([1.0, 0.5])) == 0


def test_given_margins_are_not_lost_to_judges_that_tell_nothing():
    evidence, labels = random_evidence()
    wrong_way = np.where(evidence.target < 0.5, 1.0, -1.0)
    misled = replace(evidence, strength_mean=wrong_way * np.abs(evidence.strength_mean))
    with pytest.raises(DataError, match="held-out gaps do not predict these labels"):
        AdaptiveMargin().apply(misled, labels)
    without = replace(labels, margin=np.zeros(len(labels)))
    assert same(AdaptiveMargin().apply(misled, without).supervision, without)


def test_strengths_that_do_not_exist_are_an_error():
    evidence, labels = random_evidence()
    nothing = np.full(len(evidence), np.nan)
    with pytest.raises(DataError, match="in_sample"):
        AdaptiveMargin(source="in_sample").apply(replace(evidence, strength_mean_in_sample=nothing), labels)
    with pytest.raises(DataError, match="`crossfit` groups"):
        AdaptiveMargin().apply(replace(evidence, strength_mean=nothing), labels)


def test_a_margin_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="scale 0"):
        AdaptiveMargin(scale=0.0)
    with pytest.raises(ConfigError, match="the low end comes first"):
        AdaptiveMargin(clip=(2.0, 1.0))
