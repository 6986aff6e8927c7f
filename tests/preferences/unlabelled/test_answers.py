"""What one policy answered: several responses in a row, one in each, and the gold that is known of them."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.unlabelled.answers import AnswerSet, load_answers


def texts(found: AnswerSet) -> list[list[tuple[str, float | None]]]:
    return [[(one.response["content"], one.gold) for one in answers] for answers in found.answers.values()]


def test_rows_of_samples() -> None:
    rows = [
        {"prompt": [{"role": "user", "content": "A"}], "responses": ["x", "y"], "gold": [0.5, 1], "seed": 0},
        {"prompt": "B", "responses": ["z", None]},
    ]
    found = load_answers(rows, RowOptions())
    assert texts(found) == [[("x", 0.5), ("y", 1.0)], [("z", None)]]
    assert [prompt[-1]["content"] for prompt in found.prompts.values()] == ["A", "B"]
    assert (found.num_rows, found.num_answers, found.quarantine) == (2, 3, [])


def test_rows_of_one_response_with_the_same_prompt_go_together() -> None:
    rows = [
        {"prompt": "A", "response": "x", "gold": 2},
        {"prompt": "B", "response": "y"},
        {"prompt": "A", "response": "z"},
    ]
    assert texts(load_answers(rows, RowOptions())) == [[("x", 2.0), ("z", None)], [("y", None)]]


def test_other_columns_are_named() -> None:
    found = load_answers([{"q": "A", "r": "x"}], RowOptions(prompt_key="q", response_key="r"))
    assert texts(found) == [[("x", None)]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "A", "responses": ["x", "y"], "gold": [1]}, "wrong_type"),
        ({"prompt": "A", "responses": ["x"], "gold": ["high"]}, "wrong_type"),
        ({"responses": ["x"]}, "missing_field"),
    ],
)
def test_bad_rows_are_kept_with_the_reason_or_stop_the_run(row: dict[str, Any], reason: str) -> None:
    rows = [{"prompt": "B", "responses": ["x"]}, row]
    found = load_answers(rows, RowOptions())
    assert found.quarantine_by_reason == {reason: 1} and found.num_rows == 2 and found.num_answers == 1
    with pytest.raises(DataError, match="on_bad_row"):
        load_answers(rows, RowOptions(on_bad_row="error"))
    with pytest.raises(DataError, match="none of its 1 rows is usable"):
        load_answers([row], RowOptions(response_key="responses"))


def test_pairs_are_no_answers_of_one_policy() -> None:
    with pytest.raises(DataError, match="name the set with `judge_truth`"):
        load_answers([{"prompt": "A", "chosen": "x", "rejected": "y"}], RowOptions())
