"""Which rows stay together."""

from __future__ import annotations

from typing import Any

import pytest

import rewardsmith.preferences.load as load_module
import rewardsmith.preferences.pairs.grouping as grouping
from rewardsmith.errors import DataError
from rewardsmith.preferences.pairs.grouping import hold_out_groups
from rewardsmith.preferences.rows.messages import assistant, user
from tiny_reward_models import pair_table, some_rows


def rows(*prompts: Any) -> list[dict[str, Any]]:
    return [{"prompt": prompt, "chosen": f"a {i}", "rejected": f"b {i}"} for i, prompt in enumerate(prompts)]


def groups(found: Any) -> list[int]:
    names = found.table["split_group"].to_pylist()
    return [names.index(name) for name in names]


def test_the_first_user_turn_keeps_rows_together(load) -> None:
    long = [{"role": "system", "content": "s"}, user("tell me a joke"), assistant("which kind"), user("a short one")]
    assert groups(load(rows("tell me a joke", "sing a song", long))) == [0, 1, 0]


def test_near_duplicate_prompts_share_a_group_unless_switched_off(load) -> None:
    data = rows("Tell me a joke!", "sing a song", "tell me a joke")
    found = load(data)
    assert groups(found) == [0, 1, 0]
    finding = next(finding for finding in found.findings if finding.check == "near_duplicate_prompts")
    assert (finding.count, finding.action) == (1, "joined")
    assert "66.7% of the rows" in finding.message
    assert groups(load(data, near_duplicates="off")) == [0, 1, 2]


def test_large_sets_are_not_compared_and_this_is_said(load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "NEAR_DUPLICATE_LIMIT", 2)
    monkeypatch.setattr(load_module, "NEAR_DUPLICATE_LIMIT", 2)
    data = rows("Tell me a joke!", "sing a song", "tell me a joke")
    found = load(data)
    assert groups(found) == [0, 1, 2]
    said = {finding.check: finding.message for finding in found.findings}
    assert "of 3 distinct first turns were compared: above 2 this needs" in said["near_duplicate_prompts"]
    assert "of 3 pairs were compared" in said["near_duplicate_pairs"]
    assert groups(load(data, near_duplicates="on")) == [0, 1, 0]


def test_a_column_can_name_the_groups(load) -> None:
    data = rows("one", "two", "three", "one")
    for record, author in zip(data, ["x", 7, "x", None], strict=True):
        record["author"] = author
    found = load(data, group_by="author")
    assert found.table["split_group"].to_pylist()[:3] == ["x", "7", "x"]
    assert groups(found) == [0, 1, 0, 3]


def test_a_missing_group_column_names_those_there_are(load) -> None:
    with pytest.raises(DataError, match="no column author for `group_by`; it has prompt, chosen, rejected"):
        load(rows("one"), group_by="author")


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
