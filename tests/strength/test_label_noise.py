import numpy as np
import pytest

from rewardsmith.strength.label_noise import estimate_label_noise


def gaps(rate, num=8000, ignorance=0.7, seed=0):
    """Gaps as labelled of a judge that sees the true gap but for a normal part, under uniform label errors."""
    rng = np.random.default_rng(seed)
    judged = rng.normal(size=num) * 2
    truth = judged + rng.normal(size=num) * ignorance
    wrong = rng.random(num) < rate
    sign = np.sign(truth) * np.where(wrong, -1, 1)
    return judged * sign, wrong, np.arange(num) // 4


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2, 0.3, 0.4])
def test_a_planted_rate_is_found(rate):
    gap, _, groups = gaps(rate)
    noise = estimate_label_noise(gap, groups)
    assert noise.value == pytest.approx(rate, abs=0.03)  # the sampling error of 8,000 labels
    assert noise.low <= rate <= noise.high
    assert noise.identifiable


def test_p_wrong_is_a_calibrated_probability():
    gap, wrong, groups = gaps(0.2)
    p_wrong = estimate_label_noise(gap, groups).p_wrong(gap)
    assert p_wrong.mean() == pytest.approx(wrong.mean(), abs=0.02)  # sampling error
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 1.0)):
        inside = (p_wrong >= low) & (p_wrong < high)
        assert wrong[inside].mean() == pytest.approx(p_wrong[inside].mean(), abs=0.06)  # about 300 labels a bin


def test_p_wrong_falls_with_the_gap():
    gap, _, groups = gaps(0.2)
    p_wrong = estimate_label_noise(gap, groups).p_wrong(np.linspace(-5, 5, 50))
    assert (np.diff(p_wrong) <= 0).all()


def test_a_weak_judge_makes_the_rate_unidentifiable():
    gap, _, groups = gaps(0.1, num=2000, ignorance=8.0)
    noise = estimate_label_noise(gap, groups)
    assert not noise.identifiable


def test_few_groups_make_the_rate_unidentifiable():
    gap, _, _ = gaps(0.1)
    assert not estimate_label_noise(gap, np.arange(len(gap)) % 10).identifiable


def test_nothing_to_judge_gives_no_estimate():
    assert estimate_label_noise(np.full(10, np.nan), np.arange(10)) is None
    assert estimate_label_noise(np.zeros(10), np.arange(10)) is None
