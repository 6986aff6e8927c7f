import numpy as np
import pytest
from scipy.stats import beta

from rewardsmith.strength.label_noise.posterior import SHARE, design_effect, estimate_label_noise, log_beta_density


def gaps(rate, num=8000, ignorance=0.7, seed=0):
    """Gaps as labelled of a judge that sees the true gap but for a normal part, under uniform label errors."""
    rng = np.random.default_rng(seed)
    judged = rng.normal(size=num) * 2
    truth = judged + rng.normal(size=num) * ignorance
    wrong = rng.random(num) < rate
    sign = np.sign(truth) * np.where(wrong, -1, 1)
    return judged * sign, wrong, np.arange(num) // 4


def test_the_prior_is_a_beta_distribution():
    shares = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(log_beta_density(shares, 2.0, 18.0), beta(2, 18).logpdf(shares), rtol=1e-12)


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


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3])
def test_a_judge_that_knows_nothing_leaves_every_pair_near_the_priors_own_rate(rate):
    gap, _, groups = gaps(rate, num=2000, ignorance=30.0)
    noise = estimate_label_noise(gap, groups)
    p_wrong = noise.p_wrong(gap)
    assert not noise.identifiable
    # Whatever the rate is. Labels that agree with the judge half of the time speak a little for more errors.
    assert noise.value == pytest.approx(beta(*SHARE).mean(), abs=beta(*SHARE).std() / 2)
    assert p_wrong.max() < 0.35
    assert noise.low < 0.05 and noise.high > 0.2


def test_the_value_is_the_expected_share_of_the_pairs_it_rests_on():
    gap, _, groups = gaps(0.2, num=500)
    noise = estimate_label_noise(gap, groups)
    assert noise.value == pytest.approx(noise.p_wrong(gap).mean())


def test_the_unit_of_the_gaps_does_not_matter():
    gap, _, groups = gaps(0.2, num=500)
    one, other = estimate_label_noise(gap, groups), estimate_label_noise(1000 * gap, groups)
    np.testing.assert_allclose(one.p_wrong(gap), other.p_wrong(1000 * gap), atol=1e-9)


def test_a_rate_of_ones_own_replaces_that_of_the_set():
    gap, _, groups = gaps(0.2, num=500)
    noise = estimate_label_noise(gap, groups)
    rates = np.where(np.arange(500) % 2 == 0, 0.02, 0.4)
    p_wrong = noise.p_wrong(gap, rates)
    assert (p_wrong[rates == 0.4] > noise.p_wrong(gap)[rates == 0.4]).all()
    assert (p_wrong[rates == 0.02] < noise.p_wrong(gap)[rates == 0.02]).all()


def test_where_as_few_are_wrong_as_may_be_judges_are_the_more_ignorant():
    gap, _, groups = gaps(0.1, num=400, ignorance=2.0)
    noise = estimate_label_noise(gap, groups)
    least = noise.p_wrong_at_least(gap)
    assert 0.005 < noise.low < noise.value / 2
    assert least.mean() == pytest.approx(noise.low, abs=0.02)  # so few, and no more
    most_doubted = gap < np.quantile(gap, 0.05)
    as_good_as_ever = noise.p_wrong(gap, np.full(400, noise.low))
    assert least[most_doubted].mean() < 0.8 * as_good_as_ever[most_doubted].mean()


def test_a_gap_of_nan_has_no_posterior():
    gap, _, groups = gaps(0.2, num=500)
    noise = estimate_label_noise(gap, groups)
    assert np.isnan(noise.p_wrong(np.array([np.nan, 1.0]))).tolist() == [True, False]
    assert np.isnan(noise.belief(np.array([np.nan, 1.0]))).tolist() == [True, False]


class TestDesignEffect:
    def test_pairs_on_their_own_have_none(self):
        gap, _, _ = gaps(0.2)
        assert design_effect(gap, np.arange(len(gap))) == 1.0

    def test_copies_count_once(self):
        gap, _, _ = gaps(0.2)
        assert design_effect(np.repeat(gap, 4), np.repeat(np.arange(len(gap)), 4)) == pytest.approx(4.0)

    def test_copies_leave_the_range_as_it_was(self):
        gap, _, _ = gaps(0.2, num=600)
        once = estimate_label_noise(gap, np.arange(600))
        four = estimate_label_noise(np.repeat(gap, 4), np.repeat(np.arange(600), 4))
        assert four.high - four.low == pytest.approx(once.high - once.low, rel=0.1)


def test_few_groups_make_the_rate_unidentifiable():
    gap, _, _ = gaps(0.1)
    assert not estimate_label_noise(gap, np.arange(len(gap)) % 10).identifiable


def test_nothing_to_judge_gives_no_estimate():
    assert estimate_label_noise(np.full(10, np.nan), np.arange(10)) is None
    assert estimate_label_noise(np.zeros(10), np.arange(10)) is None
