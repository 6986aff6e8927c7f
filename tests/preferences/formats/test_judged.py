"""The form of what `judge` writes."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.judged import JUDGED
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user


def ruling(outcome: Any, **more: Any) -> dict[str, Any]:
    texts = {"prompt": [user("p")], "response_first": "a", "response_second": "b"}
    return {"first": "chosen", "second": "rejected", **texts, "outcome": outcome, **more}


@pytest.mark.parametrize(("outcome", "names", "target"), [("win", "ab", 1.0), ("lose", "ba", 1.0), ("tie", "ab", 0.5)])
def test_the_outcome_is_that_of_the_first_response(outcome: str, names: str, target: float) -> None:
    expected = Pair([user("p")], assistant(names[0]), assistant(names[1]), target)
    assert JUDGED.matches(ruling(outcome))
    assert JUDGED.pairs(ruling(outcome)) == [expected]


def test_the_label_that_the_judge_was_tried_on_is_not_its_ruling(load: Any) -> None:
    found = load([ruling("tie", target=1.0, weight=0.0), ruling("lose", target=0.0)])
    assert found.table["target"].to_pylist() == [0.5, 1.0]
    assert found.table["weight"].to_pylist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("row", "reason", "words"),
    [
        (ruling(None, reason="it was too long"), "not_judged", "too long"),
        (ruling("draw"), "unknown_winner", "'draw'"),
        ({**ruling("win"), "response_first": None}, "missing_field", "response_first"),
    ],
)
def test_a_row_without_a_preference_says_why(row: dict[str, Any], reason: str, words: str) -> None:
    with pytest.raises(BadRowError, match=words) as raised:
        JUDGED.pairs(row)
    assert raised.value.reason == reason


def test_reasons_are_not_taken_for_a_part_of_the_conversation(load: Any) -> None:
    assert not load([ruling("win", reason="The first one names a metal and the second does not.")]).columns_not_read
