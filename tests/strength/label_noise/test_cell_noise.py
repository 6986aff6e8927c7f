import numpy as np
import pytest
from scipy.special import ndtr

from rewardsmith.strength.label_noise.cell_noise import estimate_cell_noise

NUMBER = 8000


def made(longer_rate, shorter_rate, seed=0, ignorance=0.5, clusters=4, bias=None):
    """True gaps seen through normal noise; labels turned at rates by direction (and by cluster, ``bias`` [C])."""
    rng = np.random.default_rng(seed)
    gap = rng.normal(size=NUMBER)
    better = rng.random(NUMBER) < ndtr(gap / ignorance)
    longer = rng.choice([-1.0, 1.0], NUMBER)
    cluster = rng.integers(clusters, size=NUMBER)
    truly_longer = better == (longer > 0)
    rate = np.where(truly_longer, shorter_rate, longer_rate) if bias is None else np.asarray(bias)[cluster]
    wrong = rng.random(NUMBER) < rate
    target = np.where(wrong, ~better, better).astype(float)
    return gap, target, longer, cluster, wrong


def test_a_preference_for_length_is_found_and_told_from_plain_noise():
    gap, target, longer, cluster, wrong = made(0.5, 0.0)
    found = estimate_cell_noise(gap, target, longer, cluster)
    assert found.longer_rate == pytest.approx(0.5, abs=0.05)  # four standard errors of 8,000 labels
    assert found.shorter_rate < 0.02
    assert found.p_rates_differ > 0.999
    assert found.p_wrong.mean() == pytest.approx(wrong.mean(), abs=0.02)


def test_uniform_noise_has_one_rate():
    gap, target, longer, cluster, wrong = made(0.2, 0.2)
    found = estimate_cell_noise(gap, target, longer, cluster)
    assert found.longer_rate == pytest.approx(found.shorter_rate, abs=0.02)
    assert found.longer_rate == pytest.approx(0.2, abs=0.03)
    assert found.p_rates_differ < 0.5
    assert found.p_wrong.mean() == pytest.approx(wrong.mean(), abs=0.02)


def test_clean_labels_are_believed():
    gap, target, longer, cluster, _ = made(0.0, 0.0)
    found = estimate_cell_noise(gap, target, longer, cluster)
    assert max(found.longer_rate, found.shorter_rate) < 0.01
    assert (found.p_wrong > 0.5).mean() < 0.01


def test_a_cluster_that_is_mostly_wrong_is_found():
    gap, target, longer, cluster, wrong = made(0, 0, bias=[0.05, 0.05, 0.05, 0.75])
    found = estimate_cell_noise(gap, target, longer, cluster)
    np.testing.assert_allclose(found.cluster_rates.mean(axis=1), [0.05, 0.05, 0.05, 0.75], atol=0.06)
    assert ((found.p_wrong > 0.5) == wrong).mean() > 0.85


def test_posteriors_are_calibrated():
    gap, target, longer, cluster, wrong = made(0.4, 0.1, seed=3)
    p_wrong = estimate_cell_noise(gap, target, longer, cluster).p_wrong
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):
        inside = (p_wrong >= low) & (p_wrong < high)
        assert inside.sum() > 100
        assert p_wrong[inside].mean() == pytest.approx(wrong[inside].mean(), abs=0.06)


def test_swapping_the_two_responses_changes_nothing():
    gap, target, longer, cluster, _ = made(0.3, 0.1)
    longer[::5] = 0.0  # of equal length
    turned = np.random.default_rng(1).random(NUMBER) < 0.5
    sign = np.where(turned, -1.0, 1.0)
    one = estimate_cell_noise(gap, target, longer, cluster)
    other = estimate_cell_noise(sign * gap, np.where(turned, 1 - target, target), sign * longer, cluster)
    np.testing.assert_allclose(one.p_wrong, other.p_wrong, atol=1e-9)
    assert one.longer_rate == pytest.approx(other.longer_rate, abs=1e-9)


def test_pairs_of_equal_length_have_no_direction():
    """All of them: one rate for both, whichever response the labels prefer."""
    gap, target, longer, cluster, wrong = made(0.2, 0.2)
    ordered = np.where(wrong, 0.0, 1.0)  # the right label is always 1, as in a set as it comes
    gap = np.where(ordered == target, gap, -gap)
    found = estimate_cell_noise(gap, ordered, 0 * longer, cluster)
    assert found.longer_rate == pytest.approx(found.shorter_rate, abs=1e-9)
    assert found.longer_rate == pytest.approx(0.2, abs=0.03)
    np.testing.assert_allclose(found.p_wrong.mean(), wrong.mean(), atol=0.02)


def test_ties_and_pairs_without_a_gap_stay_unknown():
    gap, target, longer, cluster, _ = made(0.2, 0.2)
    gap[0], target[1], longer[2] = np.nan, 0.5, 0.0
    p_wrong = estimate_cell_noise(gap, target, longer, cluster).p_wrong
    assert np.isnan(p_wrong[:2]).all()
    assert np.isfinite(p_wrong[2:]).all()


def test_nothing_to_go_by_gives_nothing():
    assert estimate_cell_noise(np.full(9, np.nan), np.ones(9), np.ones(9), np.zeros(9, dtype=int)) is None
    assert estimate_cell_noise(np.zeros(9), np.ones(9), np.ones(9), np.zeros(9, dtype=int)) is None
