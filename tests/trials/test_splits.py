import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsmith.errors import DataError
from rewardsmith.trials.splits import split_by_group


@given(seed=st.integers(0, 1000), share=st.floats(0.05, 0.9), num_groups=st.integers(6, 40))
def test_groups_are_whole_and_every_pair_is_somewhere(seed, share, num_groups):
    groups = np.random.default_rng(seed).integers(num_groups, size=300)
    groups[:num_groups] = np.arange(num_groups)
    split = split_by_group(groups, share, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.test])), np.arange(300))
    assert not set(groups[split.train]) & set(groups[split.test])
    assert len(split.test)
    for fold in range(3):
        inside = split.inner_fold == fold
        assert inside.any()
        assert not set(groups[split.train][inside]) & set(groups[split.train][~inside])


def test_the_test_is_about_as_large_as_was_asked_for():
    split = split_by_group(np.arange(1000), 0.3, seed=4)
    assert len(split.test) == 300


def test_another_seed_is_another_split():
    assert set(split_by_group(np.arange(100), 0.3, 0).test) != set(split_by_group(np.arange(100), 0.3, 1).test)


def test_too_few_groups_are_an_error():
    with pytest.raises(DataError, match="5 groups are too few"):
        split_by_group(np.arange(200) % 5, 0.3, 0)
