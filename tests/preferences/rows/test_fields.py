"""Message lists written as text, and columns that nobody reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.preferences.unlabelled.streaming import stream_rows


def talk(text: str) -> list[Any]:
    return [user("Why's that?"), assistant(text)]


@pytest.mark.parametrize("write_list", [json.dumps, repr], ids=["JSON", "Python"])
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_lists_of_messages_in_text_are_decoded(load, tmp_path, write_list: Any, ending: str) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [
        {"prompt": "Why's that?", "chosen": write_list(talk(f"a{i}")), "rejected": write_list(talk("b"))}
        for i in (1, 2)
    ]
    path = tmp_path / f"set.{ending}"
    frame = pandas.DataFrame(rows)
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_json(path, orient="records", lines=True)
    pair = load(str(path)).table.to_pylist()[1]
    assert [(m["role"], m["content"]) for m in pair["prompt"]] == [("user", "Why's that?")]
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("a2", "b")
    first = next(iter(stream_rows(str(path), RowOptions()).rows)).conversations
    assert first == [talk("a1"), talk("b")]


def test_what_cannot_be_decoded_is_refused_and_plain_text_stays_text(load) -> None:
    good = {"prompt": "p", "chosen": json.dumps([assistant("a")]), "rejected": json.dumps([assistant("b")])}
    bad = {**good, "chosen": "[{'role': 'assistant', 'content': open('x')}]"}
    found = load([good, good, bad])
    assert [(row.row, row.reason) for row in found.quarantine] == [(2, "wrong_type")]
    assert "neither JSON nor a list of Python" in found.quarantine[0].message
    answer = '[{"role": "user", "content": "an example"}]'
    mostly_text = [{"prompt": f"p{i}", "chosen": answer if i == 2 else f"a{i}", "rejected": "b"} for i in range(3)]
    assert load(mostly_text).table["chosen"][2].as_py()[0]["content"] == answer


ROW = {"prompt": "p", "chosen": "a", "rejected": "b"}


def not_read(found: PreferenceSet) -> dict[str, int]:
    return {each.message.split('"')[1]: each.count for each in found.findings if each.check == "not_read"}


def test_columns_that_could_be_part_of_the_conversation_are_named(load, capsys) -> None:
    more = {"tools": [{"name": "f"}], "context": "c", "why": "it is a longer text here"}
    rows = [{**ROW, "id": "a b", "source": "some one two three four", **more}, {**ROW, "context": " ", "why": None}]
    assert not_read(load(rows)) == {"tools": 1, "context": 1}
    assert "tools (1 rows), context (1 rows)" in capsys.readouterr().err
    assert not_read(load(rows[:1])) == {"tools": 1, "context": 1, "why": 1}
    stream = stream_rows(rows, RowOptions())
    list(stream.rows)
    assert stream.not_read == {"tools": 1, "context": 1}


def test_known_columns_about_a_pair_are_not_named_where_responses_are_read() -> None:
    stream = stream_rows([{**ROW, "category": "debates on what a city should do"}], RowOptions())
    list(stream.rows)
    assert not stream.not_read


def test_what_is_read_or_repeats_it_is_not_named(load) -> None:
    chosen = [user("p"), assistant("a")]
    row = {"system": "s", "prompt": "p", "chosen": chosen, "rejected": [user("p"), assistant("b")], "messages": chosen}
    assert not_read(load([row])) == {}


def test_a_list_in_text_may_begin_with_any_field_of_a_message(load) -> None:
    def written(role: str, text: str) -> str:
        return json.dumps([{"name": None, "weight": 1, "role": role, "content": text}])

    row = {"prompt": written("user", "p"), "chosen": written("assistant", "a"), "rejected": written("assistant", "b")}
    pair = load([row, row]).table.to_pylist()[0]
    assert [pair[key][0]["content"] for key in ("prompt", "chosen", "rejected")] == ["p", "a", "b"]
    as_numpy_prints = {key: f"array({text}, dtype=object)" for key, text in row.items()}
    assert [bad.reason for bad in load([ROW, *[as_numpy_prints] * 2]).quarantine] == ["wrong_type"] * 2


@pytest.mark.parametrize("answer", ['[{"value": 3}]', '{"content": "c"}', '{"role": "cook"}', '{"from": "x"} and on'])
def test_answers_that_are_json_stay_text(load, answer: str) -> None:
    pair = load([{"prompt": "p", "chosen": answer, "rejected": "b"}]).table.to_pylist()[0]
    assert pair["chosen"][0]["content"] == answer


def test_lists_of_responses_and_their_ratings_in_text_are_decoded(load) -> None:
    row = {"prompt": "p", "responses": '["a", "b"]', "ratings": "[1, 2]"}
    pair = load([row]).table.to_pylist()[0]
    assert (pair["chosen"][0]["content"], pair["score_rejected"]) == ("b", 1.0)
    (scored,) = stream_rows([row], RowOptions()).rows
    assert scored.conversations == [[user("p"), assistant("a")], [user("p"), assistant("b")]]


def test_what_a_message_holds_beside_its_known_fields_is_named(load) -> None:
    row = {
        **ROW,
        "chosen": [{**assistant("a"), "thoughts": "one two three four five", "id": "x"}],
        "rejected": talk("b")[1:],
    }
    assert not_read(load([row, row])) == {"chosen[].thoughts": 2}


def test_a_column_that_a_message_repeats_is_read(load) -> None:
    row = {**ROW, "system": "s", "question": "p", "prompt": [{"role": "system", "content": "s"}, user("p")]}
    assert not_read(load([row])) == {}
