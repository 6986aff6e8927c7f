import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.crossfit import assign_folds, fold_groups


def pair(prompt, chosen, rejected, category=None):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, "category": category}


def table(rows) -> pa.Table:
    return load_preferences(rows, DataOptions(near_duplicates="off")).table


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 5), st.integers(0, 99))
def test_groups_are_never_cut_and_every_pair_has_one_fold_a_repeat(keys, num_folds, seed):
    groups = np.unique(keys, return_inverse=True)[1]
    if groups.max() + 1 < num_folds:
        with pytest.raises(DataError, match="--num_folds"):
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
