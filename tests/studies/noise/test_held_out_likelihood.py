from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize

from rewardsmith.metrics.temperature import fit_scale
from rewardsmith.refining.supervision import Supervision
from rewardsmith.studies.noise.arms import Arm
from rewardsmith.studies.noise.held_out_likelihood import HeldOutLabels, calibrated_likelihood, fit_calibration

NONE = np.zeros(4000, dtype=np.int64)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    gaps, longer = rng.normal(size=(4000, 2)), rng.choice([-1.0, 0.0, 1.0], 4000)
    chance = 1 / (1 + np.exp(-(2.0 * gaps[:, :1] + 0.7 * longer[:, None])))
    return gaps, (rng.random((4000, 1)) < chance).astype(float).repeat(2, axis=1), longer


def test_it_is_the_maximum_of_the_likelihood(drawn):
    gaps, given, longer = drawn
    found = fit_calibration(gaps, given, longer)

    def loss(x):
        logits = x[0] * gaps[:, 0] + x[1] * longer
        return np.mean(np.logaddexp(0, logits) - given[:, 0] * logits)

    best = minimize(loss, [0.0, 0.0])
    np.testing.assert_allclose([found.scale[0], found.offset[0]], best.x, atol=1e-4)
    assert found.likelihood[0] == pytest.approx(-4000 * best.fun, abs=1e-6)


def test_units_do_not_matter(drawn):
    gaps, given, longer = drawn
    one, thousand = fit_calibration(gaps, given, longer), fit_calibration(1000 * gaps, given, longer)
    np.testing.assert_allclose(one.likelihood, thousand.likelihood, rtol=1e-9)
    np.testing.assert_allclose(one.scale, 1000 * thousand.scale, rtol=1e-6)


def test_without_lengths_it_is_the_temperature(drawn):
    gaps, given, longer = drawn
    found = fit_calibration(gaps, given, 0 * longer)
    assert found.scale[0] == pytest.approx(fit_scale(gaps[:, 0], given[:, 0]), rel=1e-5)
    assert found.offset[0] == 0


def test_gaps_that_say_nothing_leave_a_coin(drawn):
    _, given, longer = drawn
    found = calibrated_likelihood(np.zeros((4000, 1)), given[:, :1], 0 * longer, NONE)
    assert found[0] == pytest.approx(-np.log(2))


def test_a_cluster_whose_labels_are_flipped_is_neither_praise_nor_blame(drawn):
    """Gaps count there as if they said nothing: a head must not be called good for ranking a cluster backwards."""
    gaps, given, longer = drawn[0][:, :1], drawn[1][:, :1], drawn[2]
    clusters = np.arange(4000) % 4
    flipped = clusters == 1
    labels, silent = np.where(flipped[:, None], 1 - given, given), np.where(flipped[:, None], 0, gaps)
    found = calibrated_likelihood(gaps, labels, longer, clusters)
    np.testing.assert_allclose(found, calibrated_likelihood(silent, labels, longer, clusters), rtol=1e-6)
    assert (found < calibrated_likelihood(gaps, given, longer, clusters) - 0.01).all()


def test_small_clusters_are_calibrated_together(drawn):
    gaps, given, longer = drawn
    alone = calibrated_likelihood(gaps, given, longer, NONE)
    np.testing.assert_allclose(calibrated_likelihood(gaps, given, longer, np.arange(4000)), alone)


def test_labels_that_always_agree_have_a_finite_scale():
    found = fit_calibration(np.ones((50, 1)), np.ones((50, 1)), np.zeros(50))
    assert np.isfinite(found.scale[0])
    assert found.likelihood[0] > -1e-2


def test_a_label_of_weight_zero_is_absent(drawn):
    gaps, given, longer = drawn
    weight = np.ones_like(gaps)
    weight[1000:] = 0
    kept = calibrated_likelihood(gaps[:1000], given[:1000], longer[:1000], NONE[:1000])
    np.testing.assert_allclose(calibrated_likelihood(gaps, given, longer, NONE, weight), kept, rtol=1e-6)


@pytest.fixture(scope="module")
def of_three_epochs():
    """Noisy and true labels, and gaps of three arms after three epochs: the first says nothing, the second follows the
    noisy labels, the third the truth."""
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=200).astype(float)
    noisy = np.where(rng.random(200) < 0.3, 1 - truth, truth)
    told = (np.full(200, 0.5), noisy, truth)
    return noisy, truth, [4 * (labels[:, None] - 0.5) + 0.1 * rng.normal(size=(200, 3)) for labels in told]


@pytest.mark.parametrize(("choose_by", "best"), [("given", [1, 2, 1]), ("own", [1, 2, 2])])
def test_every_arm_chooses_what_its_held_out_labels_like_best(of_three_epochs, choose_by, best):
    """The labels of `clean` are the true ones; a repaired arm has the noisy ones, or its own."""
    noisy, truth, gaps = of_three_epochs
    columns = SimpleNamespace(longer=np.zeros(200), clusters=np.zeros(200, dtype=np.int64))
    task = SimpleNamespace(train=SimpleNamespace(columns=columns), given=noisy, choose_by=choose_by)
    arms = [
        Arm("plain", Supervision.plain(noisy)),
        Arm("clean", Supervision.plain(truth), given=truth),
        Arm("oracle:flip", Supervision.plain(truth)),
    ]
    labels = HeldOutLabels.of(task, arms)
    found = labels.choose(gaps)
    assert found.best.tolist() == best
    assert found.scale.tolist() == [labels.scales(gaps[index])[a] for a, index in enumerate(best)]


def test_of_equal_gaps_the_first_is_chosen(of_three_epochs):
    noisy, _, gaps = of_three_epochs
    given = noisy[:, None].repeat(3, axis=1)
    labels = HeldOutLabels(given, given, np.ones_like(given), np.zeros(200), np.zeros(200, dtype=np.int64))
    assert labels.choose([gaps[0], gaps[1], gaps[1]]).best.tolist() == [1, 1, 1]
