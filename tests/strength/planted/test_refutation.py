from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.planted.planted_copy import Pairs, planted_copy
from rewardsmith.strength.planted.refutation import flip_slope, log_ratio, unrefuted

NUMBER = 8000


def copy_of(strength):
    """A copy judged by gaps that tell ``strength`` of the truth, on right labels."""
    rng = np.random.default_rng(0)
    truth = strength * np.abs(rng.normal(size=NUMBER)) + rng.normal(size=NUMBER)
    members = np.repeat(truth[:, None], 2, axis=1).astype(np.float32)
    judged = Judgements(members, np.zeros(members.shape, dtype=bool), ("one", "two"))
    pairs = Pairs(np.ones(NUMBER, dtype=np.float32), np.arange(NUMBER), np.full(NUMBER, 0.8))
    return planted_copy("uniform", pairs, lambda *_: judged, 0.2, seed=1)


def test_evidence_that_the_copy_bears_out_is_kept():
    copy = copy_of(2.0)
    found, kept = unrefuted(copy.p_wrong, np.arange(NUMBER), copy, 0.01)
    assert kept > 0.85
    np.testing.assert_allclose(found, copy.p_wrong, atol=0.05)


def test_evidence_that_the_copy_refutes_is_shrunk_towards_the_mean():
    copy = copy_of(0.0)  # judges that know nothing, and a figure that is sure of what they say
    sure = expit(-6 * copy.gap)
    found, kept = unrefuted(sure, np.arange(NUMBER), replace(copy, p_wrong=sure), 0.1)
    assert kept < 0.1
    assert found.std() < 0.2 * sure.std()
    assert np.corrcoef(np.argsort(np.argsort(found)), np.argsort(np.argsort(sure)))[0, 1] > 0.9  # the order stays


def test_a_pair_has_no_say_in_its_own_factor():
    """Another label of one group moves the factors of the other folds only."""
    copy = copy_of(0.3)
    groups = np.arange(NUMBER) // 40
    sure = expit(-3 * copy.gap)
    copy = replace(copy, p_wrong=sure)
    first = unrefuted(sure, groups, copy, 0.1)[0]
    turned = copy.planted.copy()
    turned[groups == 7] = ~turned[groups == 7]
    second = unrefuted(sure, groups, replace(copy, planted=turned), 0.1)[0]
    own = groups == 7
    np.testing.assert_array_equal(first[own], second[own])
    assert (first[~own] != second[~own]).any()


def test_the_slope_of_a_known_regression_is_found():
    rng = np.random.default_rng(2)
    evidence = rng.normal(size=20_000)
    planted = rng.random(20_000) < expit(-1.5 + 0.6 * evidence)
    slope, error = flip_slope(evidence, planted)
    assert slope == pytest.approx(0.6, abs=4 * error)
    assert 0.01 < error < 0.03


def test_constant_evidence_refutes_nothing():
    assert flip_slope(np.ones(10), np.arange(10) < 3) == (0.0, np.inf)


def test_without_wrong_labels_the_ratio_is_that_of_the_odds():
    p_wrong = np.array([0.1, 0.3, 0.9])
    np.testing.assert_allclose(log_ratio(p_wrong, 0.2, 0.0), logit(p_wrong) - logit(0.2))


def test_wrong_labels_flatten_the_ratio():
    assert abs(log_ratio(np.array([0.99]), 0.2, 0.3)[0]) < abs(log_ratio(np.array([0.99]), 0.2, 0.0)[0])
