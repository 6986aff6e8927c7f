import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles.crossfit import assign_folds, fold_groups, independent_groups, member_weights


def pair(prompt, chosen, rejected, category=None):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, "category": category}


def table(rows) -> pa.Table:
    return load_preferences(rows, DataOptions(near_duplicates="off")).table


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 5), st.integers(0, 99))
def test_groups_are_never_cut_and_every_pair_has_one_fold_a_repeat(keys, num_folds, seed):
    groups = np.unique(keys, return_inverse=True)[1]
    if groups.max() + 1 < num_folds:
        with pytest.raises(DataError, match="`num_folds`"):
            assign_folds(groups, num_folds, 3, np.random.default_rng(seed))
        return
    folds = assign_folds(groups, num_folds, 3, np.random.default_rng(seed))
    assert folds.shape == (3, len(keys))
    for repeat in folds:
        assert set(repeat.tolist()) == set(range(num_folds))
        for group in np.unique(groups):
            assert len(set(repeat[groups == group].tolist())) == 1


def test_folds_are_level_and_differ_between_repeats():
    groups = np.repeat(np.arange(200), np.random.default_rng(0).integers(1, 9, size=200))
    folds = assign_folds(groups, 5, 4, np.random.default_rng(0))
    for repeat in folds:
        sizes = np.bincount(repeat)
        assert sizes.max() - sizes.min() <= 9
    assert (folds[0] != folds[1]).any()


def test_folds_by_pair_keep_both_orders_of_a_pair_together():
    pairs = table([pair("p", "a", "b"), pair("p", "b", "a"), pair("p", "a", "c"), pair("q", "a", "b")])
    codes = fold_groups(pairs, "pair")
    assert codes[0] == codes[1]
    assert len(set(codes.tolist())) == 3


def test_folds_by_category_follow_the_column_but_for_duplicates():
    pairs = table(
        [pair("p", "a", "b", "x"), pair("q", "c", "d", "y"), pair("p", "b", "a", "y"), pair("r", "e", "f", "x")]
    )
    codes = fold_groups(pairs, "category")
    assert codes[0] == codes[2] == codes[3]
    assert codes[0] != codes[1]


def test_folds_by_a_missing_category_are_refused():
    with pytest.raises(ConfigError, match="1 of 2 pairs have no category"):
        fold_groups(table([pair("p", "a", "b", "x"), pair("q", "c", "d")]), "category")


def test_pairs_of_a_prompt_may_err_together_however_they_are_folded():
    rows = [pair("p", "a", "b", "x"), pair("p", "a", "c", "y"), pair("q", "a", "b", "x"), pair("p", "b", "a", "y")]
    pairs = table(rows)
    for fold_by in ("prompt", "pair"):
        p, same, q, turned = independent_groups(pairs, fold_by).tolist()
        assert p == same == turned != q
    assert len(set(fold_groups(pairs, "pair").tolist())) == 3  # which would take copies of a prompt for independent


def test_pairs_of_a_category_may_err_together_where_folds_are_categories():
    pairs = table([pair("p", "a", "b", "x"), pair("q", "c", "d", "x"), pair("r", "a", "b", "y")])
    one, other, apart = independent_groups(pairs, "category").tolist()
    assert one == other != apart


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
    with pytest.raises(DataError, match="3 groups cannot be shared out among `num_members` 10"):
        member_weights(np.array([0, 1, 2, 2]), 10, 4, "groups", np.random.default_rng(0))
