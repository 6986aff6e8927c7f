"""Pairs set aside."""

from __future__ import annotations

import pytest

from rewardsmith.errors import DataError
from rewardsmith.evaluation.holdout import hold_out_groups
from tiny_reward_models import pair_table, some_rows


@pytest.mark.parametrize("fraction", [0.05, 0.25, 0.5])
def test_groups_stay_whole_and_the_share_is_about_right(fraction: float) -> None:
    table = pair_table(some_rows(200))
    train, held = hold_out_groups(table, fraction, seed=0)
    assert len(train) + len(held) == 200
    assert not set(train.column("split_group").to_pylist()) & set(held.column("split_group").to_pylist())
    assert fraction * 200 <= len(held) <= fraction * 200 + 4
    assert train.column("row").to_pylist() == sorted(train.column("row").to_pylist())


def test_the_seed_decides() -> None:
    table = pair_table(some_rows(200))
    rows = [hold_out_groups(table, 0.2, seed)[1].column("row").to_pylist() for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="leaves nothing to train on: the set has 1 groups"):
        hold_out_groups(pair_table(some_rows(3)), 0.5, seed=0)
