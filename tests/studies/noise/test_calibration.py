import numpy as np
import pytest
from scipy.optimize import minimize

from rewardsmith.metrics.temperature import fit_scale
from rewardsmith.studies.noise.calibration import calibrate


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    gaps, longer = rng.normal(size=(4000, 2)), rng.choice([-1.0, 0.0, 1.0], 4000)
    chance = 1 / (1 + np.exp(-(2.0 * gaps[:, :1] + 0.7 * longer[:, None])))
    return gaps, (rng.random((4000, 1)) < chance).astype(float).repeat(2, axis=1), longer


def test_it_is_the_maximum_of_the_likelihood(drawn):
    gaps, given, longer = drawn
    found = calibrate(gaps, given, longer)

    def loss(x):
        logits = x[0] * gaps[:, 0] + x[1] * longer
        return np.mean(np.logaddexp(0, logits) - given[:, 0] * logits)

    best = minimize(loss, [0.0, 0.0])
    np.testing.assert_allclose([found.scale[0], found.offset[0]], best.x, atol=1e-4)
    assert found.likelihood[0] == pytest.approx(-best.fun, abs=1e-9)


def test_units_do_not_matter(drawn):
    gaps, given, longer = drawn
    one, thousand = calibrate(gaps, given, longer), calibrate(1000 * gaps, given, longer)
    np.testing.assert_allclose(one.likelihood, thousand.likelihood, rtol=1e-9)
    np.testing.assert_allclose(one.scale, 1000 * thousand.scale, rtol=1e-6)


def test_without_lengths_it_is_the_temperature(drawn):
    gaps, given, longer = drawn
    found = calibrate(gaps, given, np.zeros_like(longer))
    assert found.scale[0] == pytest.approx(fit_scale(gaps[:, 0], given[:, 0]), rel=1e-5)
    assert found.offset[0] == 0


def test_gaps_that_point_the_wrong_way_count_for_nothing(drawn):
    gaps, given, longer = drawn
    found = calibrate(-gaps[:, :1], given[:, :1], 0 * longer)
    assert found.scale[0] == 0
    share = given[:, 0].mean()
    assert found.likelihood[0] == pytest.approx(-np.log(2))
    assert share != 0.5


def test_labels_that_always_agree_have_a_finite_scale():
    gaps = np.ones((50, 1))
    found = calibrate(gaps, np.ones((50, 1)), np.zeros(50))
    assert np.isfinite(found.scale[0])
    assert found.likelihood[0] > -1e-3
