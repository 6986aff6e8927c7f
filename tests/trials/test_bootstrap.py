import numpy as np
import pytest

from rewardsmith.trials.bootstrap import Draws, Estimate, group_totals


def test_one_group_drawn_as_often_as_it_comes_gives_the_mean_of_the_data():
    draws = Draws.make(2, 3, 50)
    totals = [group_totals([np.array([1.0, 0.0])], np.array([0, 2]), 3), group_totals([np.ones(1)], np.array([2]), 3)]
    means = draws.means(np.stack(totals, axis=1), np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))[0]
    assert means[0] == pytest.approx(2 / 3)
    assert (np.isnan(means) | ((means >= 0) & (means <= 1))).all()
    assert Estimate(means).interval.low <= 2 / 3


def test_the_standard_error_is_about_that_of_a_binomial():
    rng = np.random.default_rng(77)  # not the seed of the draws, whose numbers would be these
    credit_ = (rng.random(2000) < 0.7).astype(float)
    totals = group_totals([credit_], np.arange(2000), 2000)[:, None]
    means = Draws.make(1, 2000, 500).means(totals, np.ones((1, 2000)))
    assert Estimate(means[0]).standard_error == pytest.approx(np.sqrt(0.7 * 0.3 / 2000), rel=0.15)  # 500 draws


@pytest.mark.parametrize("number", [2, 3, 6])
def test_the_variance_between_seeds_is_not_understated(number):
    """Groups are all alike, so only seeds vary: the standard error is that of a mean of S numbers."""
    by_seed = np.random.default_rng(number).normal(0.7, 0.05, number)
    totals = np.repeat(10 * by_seed[:, None], 40, axis=1)[None]
    means = Draws.make(number, 40, 4000).means(totals, np.full((number, 40), 10.0))
    assert Estimate(means[0]).standard_error == pytest.approx(by_seed.std(ddof=1) / np.sqrt(number), rel=0.05)
