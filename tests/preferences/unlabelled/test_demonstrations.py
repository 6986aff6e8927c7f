"""What of a row is a demonstration."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.unlabelled.demonstrations import load_demonstrations


def pair(number: int, **label: float) -> dict[str, Any]:
    return {"prompt": f"q{number}", "chosen": f"first {number}", "rejected": f"second {number}", **label}


def test_of_a_pair_the_label_says_which_response_is_shown() -> None:
    rows = [pair(0), pair(1, target=0.1), pair(2, target=0.5), pair(3, weight=0), pair(4, target=0.9, weight=0.2)]
    found = load_demonstrations(rows, RowOptions())
    assert [talk[-1]["content"] for talk in found.conversations] == ["first 0", "second 1", "first 4"]
    assert [(bad.row, bad.reason) for bad in found.quarantine] == [(2, "undecided"), (3, "undecided")]


def test_of_judged_pairs_the_ruling_counts_and_no_number_beside_it() -> None:
    row = {"prompt": "q", "response_first": "first", "response_second": "second", "outcome": "win", "target": 0.0}
    found = load_demonstrations([row, row | {"outcome": "tie"}], RowOptions())
    assert [talk[-1]["content"] for talk in found.conversations] == ["first"] and found.quarantine_by_reason == {
        "undecided": 1
    }


def test_pairs_that_decide_nothing_hold_no_demonstration() -> None:
    with pytest.raises(DataError, match="none of its 1 rows holds a demonstration.*calls neither response better"):
        load_demonstrations([pair(0, target=0.5)], RowOptions())
