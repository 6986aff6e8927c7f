"""Several chosen or rejected responses."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.several import SEVERAL
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.preferences.unlabelled.streaming import stream_rows

ROW = {"id": "0", "prompt": "p", "chosen": ["a", "b"], "rejected": ["c", "d"], "subset": "Focus"}


def test_every_chosen_response_meets_every_rejected_one(load) -> None:
    found = load([ROW, {**ROW, "prompt": "q", "chosen": "a"}])
    both = [(pair["chosen"][0]["content"], pair["rejected"][0]["content"]) for pair in found.table.to_pylist()]
    assert (found.format, both) == ("several", [("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("a", "c"), ("a", "d")])
    assert len(set(found.table["split_group"].to_pylist())) == 2
    assert (found.num_rows_read, found.num_rows_available) == (2, 2)


def test_responses_may_be_messages_with_or_without_the_prompt() -> None:
    row = {**ROW, "chosen": [[user("p"), assistant("a")]], "rejected": [[assistant("c")], [user("p"), assistant("d")]]}
    assert [(p.prompt, p.chosen, p.rejected) for p in SEVERAL.pairs(row)] == [
        ([user("p")], assistant("a"), assistant("c")),
        ([user("p")], assistant("a"), assistant("d")),
    ]


def test_all_responses_of_a_row_are_scored_in_its_order() -> None:
    stream = stream_rows([ROW, {**ROW, "system": "s"}], RowOptions())
    first, second = stream.rows
    assert (stream.kind, [turns[-1]["content"] for turns in first.conversations]) == ("responses", list("abcd"))
    assert {turns[0]["content"] for turns in second.conversations} == {"s"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"prompt": ""}, "missing_field"), ({"rejected": []}, "empty_field"), ({"chosen": [3]}, "wrong_type")],
)
def test_bad_rows_have_their_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        SEVERAL.pairs({**ROW, **change})
    assert error.value.reason == reason


def test_a_missing_response_costs_the_others_nothing(load) -> None:
    row = {**ROW, "rejected": ["c", None]}
    assert [pair["rejected"][0]["content"] for pair in load([row]).table.to_pylist()] == ["c", "c"]
    (scored,) = stream_rows([row], RowOptions()).rows
    assert [turns and turns[-1]["content"] for turns in scored.conversations] == ["a", "b", "c", None]
    with pytest.raises(BadRowError):
        SEVERAL.pairs({**ROW, "rejected": [None]})


def test_whole_conversations_need_no_prompt_beside_them(load) -> None:
    row = {"chosen": [[user("p"), assistant("a")]], "rejected": [[user("p"), assistant(text)] for text in "bc"]}
    found = load([row])
    assert (found.format, [p["rejected"][0]["content"] for p in found.table.to_pylist()]) == ("several", ["b", "c"])
