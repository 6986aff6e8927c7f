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


def test_a_difference_is_seen_in_four_of_five_experiments():
    """Normal draws: true differences of that size give an estimate above 1.96 standard errors with power 0.8."""
    rng = np.random.default_rng(5)
    smallest = Estimate(np.r_[0.0, rng.normal(0, 0.01, 20_000)]).smallest_seen
    assert (rng.normal(smallest, 0.01, 20_000) > 1.96 * 0.01).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("between_seeds", [0.0, 0.01, 0.02])
def test_intervals_over_three_seeds_are_wide_rather_than_narrow(between_seeds):
    """Paired differences of 200 groups of 5 pairs, 15 % discordant; that of a seed varies around a truth of 0."""
    rng, covered = np.random.default_rng(6), 0
    for repetition in range(200):
        mean = rng.normal(0, between_seeds, (3, 1, 1)) + rng.normal(0, 0.03, (1, 200, 1))
        drawn = rng.random((3, 200, 5))
        totals = ((drawn < 0.075 + mean / 2) * 2.0 - (drawn < 0.15)).sum(axis=2)
        means = Draws.make(3, 200, 400, seed=repetition).means(totals[None], np.full((3, 200), 5.0))
        interval = Estimate(means[0]).interval
        covered += interval.low <= 0 <= interval.high
    assert covered >= 0.94 * 200
