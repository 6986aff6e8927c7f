from itertools import combinations

import numpy as np
import pytest

from rewardsmith.errors import DataError
from rewardsmith.studies.arms.options import ArmsStudyOptions
from rewardsmith.studies.arms.parts import parts_of
from tiny_reward_models import pair_table, some_rows

PAIRS = pair_table(some_rows(400))
SEEDS = (3, 4, 5)


def groups(rows):
    return set(PAIRS["split_group"].take(rows).to_pylist())


def test_groups_are_never_cut_between_test_held_out_part_and_training():
    parts = parts_of(PAIRS, ArmsStudyOptions(), SEEDS)
    for seed in SEEDS:
        three = [parts.test, parts.held_out[seed], parts.train[seed]]
        assert sum(map(len, three)) == 400
        assert all(not groups(one) & groups(other) for one, other in combinations(three, 2))
    assert len(parts.test) == pytest.approx(120, abs=4)
    assert len(parts.held_out[3]) == pytest.approx(28, abs=4)


def test_seeds_share_the_test_and_hold_out_differently():
    parts = parts_of(PAIRS, ArmsStudyOptions(), SEEDS)
    assert len({tuple(rows) for rows in parts.held_out.values()}) == 3
    alone = parts_of(PAIRS, ArmsStudyOptions(), SEEDS[:1])
    assert np.array_equal(alone.test, parts.test)
    assert np.array_equal(alone.train[3], parts.train[3])


def test_without_a_share_the_whole_set_trains_and_chooses():
    parts = parts_of(PAIRS, ArmsStudyOptions(test_share=0.0), SEEDS)
    assert len(parts.test) == 0
    assert len(parts.train[3]) + len(parts.held_out[3]) == 400


def test_a_sample_trains_and_the_test_stays():
    parts = parts_of(PAIRS, ArmsStudyOptions(num_train_pairs=50), SEEDS)
    whole = parts_of(PAIRS, ArmsStudyOptions(), SEEDS)
    assert {len(rows) for rows in parts.train.values()} == {50}
    assert set(parts.train[3]) <= set(whole.train[3])
    assert np.array_equal(parts.test, whole.test)


def test_more_training_pairs_than_there_are_is_told():
    with pytest.raises(DataError, match=r"`num_train_pairs` 399: .* leave 2\d\d pairs to train on \(seed 3\)"):
        parts_of(PAIRS, ArmsStudyOptions(num_train_pairs=399), SEEDS)
