"""ms-swift's form."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.ms_swift import MS_SWIFT
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user

PROMPT = [{"role": "system", "content": "s"}, user("p"), assistant("q"), user("r")]
PAIR = Pair(PROMPT, assistant("a"), assistant("b"))
CHOSEN = [*PROMPT, assistant("a")]


def read(**record: Any) -> Pair:
    return MS_SWIFT.pairs(record)[0]


@pytest.mark.parametrize("rejected", ["b", [assistant("b")], [{"from": "gpt", "value": "b"}]])
def test_a_rejected_response_follows_the_users_last_turn(rejected: object) -> None:
    assert read(messages=CHOSEN, rejected_response=rejected) == PAIR


def test_whole_rejected_conversations_are_read() -> None:
    assert read(messages=CHOSEN, rejected_messages=[*PROMPT, assistant("b")]) == PAIR
    only = read(messages=[assistant("a")], rejected_messages=[assistant("b")])
    assert only == Pair([], assistant("a"), assistant("b"))


def test_the_system_column_comes_first_unless_the_messages_have_their_own() -> None:
    assert read(messages=CHOSEN[1:], rejected_response="b", system="s") == PAIR
    assert read(messages=CHOSEN, rejected_response="b", system="other") == PAIR


def test_the_margin_reaches_the_table(load) -> None:
    found = load([{"messages": CHOSEN, "rejected_response": "b", "margin": 0.5}])
    assert (found.format, found.table["margin"].to_pylist()) == ("ms_swift", [0.5])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": CHOSEN}, "missing_field"),
        ({"rejected_response": "b"}, "missing_field"),
        ({"messages": [assistant("a")], "rejected_response": "b"}, "missing_field"),
        ({"messages": PROMPT, "rejected_response": "b"}, "no_response"),
        ({"messages": CHOSEN, "rejected_response": 3}, "wrong_type"),
        ({"messages": CHOSEN, "rejected_response": [user("b")]}, "no_response"),
        ({"messages": CHOSEN, "rejected_messages": [user("x"), assistant("b")]}, "different_prompts"),
        ({"messages": [*CHOSEN, assistant("more")], "rejected_response": "b"}, "different_prompts"),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        read(**record)
    assert error.value.reason == reason
