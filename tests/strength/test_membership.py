import numpy as np
import pytest

from rewardsmith.errors import DataError
from rewardsmith.strength.membership import member_weights

GROUPS = np.repeat(np.arange(60), np.tile([1, 2, 3, 6], 15))


def deal(num_members=10, num_judges=4, crossfit="groups", seed=0, **options):
    return member_weights(GROUPS, num_members, num_judges, crossfit, np.random.default_rng(seed), **options)


@pytest.mark.parametrize(("num_members", "num_judges"), [(10, 4), (3, 2), (5, 1), (7, 6)])
def test_every_pair_is_left_out_by_exactly_as_many_members_as_asked_for(num_members, num_judges):
    _, trained = deal(num_members, num_judges)
    assert ((~trained).sum(axis=1) == num_judges).all()


def test_members_train_on_about_equally_many_pairs():
    _, trained = deal()
    assert np.ptp(trained.sum(axis=0)) <= 0.1 * len(GROUPS)


def test_a_group_is_never_cut_and_has_one_weight_a_member():
    weights, trained = deal()
    for rows in np.split(np.arange(len(GROUPS)), np.flatnonzero(np.diff(GROUPS)) + 1):
        assert (trained[rows] == trained[rows[0]]).all()
        assert (weights[rows] == weights[rows[0]]).all()


def test_a_weight_is_zero_exactly_where_a_member_did_not_train():
    weights, trained = deal()
    np.testing.assert_array_equal(weights > 0, trained)


def test_bootstrap_weights_have_mean_one_and_the_spread_of_the_exponential():
    many = np.arange(4000)
    weights, _ = member_weights(many, 5, 2, "none", np.random.default_rng(0))
    assert weights.mean() == pytest.approx(1, abs=0.02)
    assert weights.std() == pytest.approx(1, abs=0.03)
    assert abs(np.corrcoef(weights.T)[0, 1]) < 0.05


def test_without_bootstrap_every_trained_pair_counts_the_same():
    weights, trained = deal(bootstrap=False)
    np.testing.assert_array_equal(weights, trained.astype(np.float32))


def test_without_crossfitting_everybody_trains_on_everything():
    weights, trained = deal(crossfit="none", bootstrap=False)
    assert trained.all()
    assert (weights == 1).all()


def test_another_seed_deals_other_blocks():
    assert (deal(seed=0)[1] != deal(seed=1)[1]).any()


def test_fewer_groups_than_members_are_an_error():
    with pytest.raises(DataError, match="3 groups cannot be shared out among --num_members 10"):
        member_weights(np.array([0, 1, 2, 2]), 10, 4, "groups", np.random.default_rng(0))
