from dataclasses import replace

import numpy as np
import pytest
from made_pairs import made_pairs

from rewardsmith.studies.noise.detectors import DETECTORS, Detectors
from rewardsmith.studies.noise.planting import plant


@pytest.fixture(scope="module")
def pairs():
    return made_pairs(1200, 12, seed=1)


@pytest.fixture(scope="module")
def detectors(pairs):
    noisy = plant("uniform", pairs.columns, 0.25, np.random.default_rng(5))
    return Detectors(pairs, noisy, num_judges=3, seed=0)


def test_rates_are_those_of_the_chosen_response_first(pairs):
    """Where chosen is the longer response, it is called better though it is worse more often than the other way; equal
    lengths have no direction."""
    noisy = plant("longer", pairs.columns, 0.3, np.random.default_rng(5))
    longer = pairs.columns.longer.copy()
    longer[:50] = 0
    rates = Detectors(replace(pairs, columns=replace(pairs.columns, longer=longer)), noisy, 3, 0).structured_rates
    np.testing.assert_array_equal(rates[:50, 0], rates[:50, 1])
    assert rates[longer > 0, 0].mean() > rates[longer > 0, 1].mean() + 0.2
    assert rates[longer < 0, 1].mean() > rates[longer < 0, 0].mean() + 0.2


def test_every_detector_finds_uniform_flips_better_than_chance(detectors, pairs):
    wrong = detectors.noisy != pairs.columns.target
    for detector in DETECTORS:
        flagged = detectors.flagged(detector)
        assert wrong[flagged].mean() > 2 * wrong.mean(), detector
    ranked = {detectors.flagged(name).sum() for name in DETECTORS if name != "cleanlab"}
    assert len(ranked) == 1


def test_the_share_of_wrong_labels_is_about_right(detectors):
    assert detectors.share == pytest.approx(0.25, abs=0.05)
