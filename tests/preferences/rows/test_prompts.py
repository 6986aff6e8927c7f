"""Prompts that stand beside, inside, or partly inside conversations."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.preferences.rows.prompts import with_prompt, with_system
from rewardsmith.preferences.unlabelled.streaming import stream_rows

SYSTEM: Message = {"role": "system", "content": "s"}
TALK = [user("p"), assistant("a")]


@pytest.mark.parametrize(
    ("prompt", "turns", "expected"),
    [
        ([SYSTEM, user("p")], TALK, [SYSTEM, *TALK]),
        ([user("p ")], TALK, TALK),
        ([user("p")], [SYSTEM, *TALK], [SYSTEM, *TALK]),
        ([user("q"), assistant("b"), user("p")], TALK, [user("q"), assistant("b"), *TALK]),
        ([SYSTEM], TALK, [SYSTEM, *TALK]),
        ([user("p"), assistant("a")], [assistant("a")], [user("p"), assistant("a"), assistant("a")]),
        ([user("q"), assistant("b")], TALK, [user("q"), assistant("b"), *TALK]),
        ([assistant("a")], [assistant("a")], [assistant("a"), assistant("a")]),
        ([], TALK, TALK),
    ],
)
def test_what_both_hold_is_there_once(prompt: list[Message], turns: list[Message], expected: list[Message]) -> None:
    assert with_prompt(prompt, turns) == expected


@pytest.mark.parametrize("prompt", [[user("q")], [SYSTEM, user("q")], [user("p"), assistant("b"), user("q")]])
def test_a_contradiction_is_not_guessed_away(prompt: list[Message]) -> None:
    with pytest.raises(BadRowError) as error:
        with_prompt(prompt, TALK)
    assert error.value.reason == "different_prompts"


def test_a_system_text_goes_before_messages_that_have_none() -> None:
    for column in ("system", "system_prompt"):
        assert with_system({column: "s"}, [user("p")]) == [SYSTEM, user("p")]
    assert with_system({"system": "other"}, [SYSTEM, user("p")]) == [SYSTEM, user("p")]
    assert with_system({"system": [SYSTEM]}, [user("p")]) == [SYSTEM, user("p")]
    with pytest.raises(BadRowError, match='"system" is neither text nor a message'):
        with_system({"system": ["s"]}, [user("p")])
    for nothing in ("", " ", None, 3):
        assert with_system({"system": nothing}, [user("p")]) == [user("p")]


BOTH = {"chosen": "a", "rejected": "b"}


@pytest.mark.parametrize(
    "row",
    [
        {"system": "s", "prompt": "p", **BOTH},
        {"system": "s", "question": "p", **BOTH},
        {"system": "s", "instruction": "p", **BOTH},
        {"system": "s", "query": "p", "chosen": [assistant("a")], "rejected": [assistant("b")]},
        {"system": "s", "prompt": "p", "response_a": "a", "response_b": "b", "winner": "model_a"},
        {"system": "s", "question": "p", "responses": ["a", "b"], "scores": [2, 1]},
        {"prompt": [SYSTEM, user("p")], "chosen": TALK, "rejected": [user("p"), assistant("b")]},
    ],
)
def test_every_form_reads_system_and_question(load, row: dict[str, Any]) -> None:
    pair = load([row]).table.to_pylist()[0]
    assert [(m["role"], m["content"]) for m in pair["prompt"]] == [("system", "s"), ("user", "p")]
    scored = next(iter(stream_rows([row], RowOptions()).rows)).conversations[0]
    assert scored is not None and [m["content"] for m in scored] == ["s", "p", "a"]


def test_a_question_that_both_texts_begin_with_is_there_once(load) -> None:
    pair = load([{"question": "Why?", "chosen": "Why? So.", "rejected": "Why? No."}]).table.to_pylist()[0]
    assert [pair[side][0]["content"] for side in ("prompt", "chosen", "rejected")] == ["Why?", " So.", " No."]


def test_labels_in_the_responses_do_not_hide_the_prompt_column(load) -> None:
    row = {"prompt": "p", "chosen": "Assistant: yes", "rejected": "Assistant: no"}
    found = load([row])
    assert (found.format, found.table["prompt"][0].as_py()[0]["content"]) == ("trl", "p")


def test_tool_calls_tell_responses_apart(load) -> None:
    def calling(name: str) -> list[dict[str, Any]]:
        return [{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": name, "arguments": {}}}]}]

    rows = [{"prompt": "p", "chosen": calling(name), "rejected": calling("x")} for name in ("a", "b", "x")]
    found = load(rows)
    assert [bad.reason for bad in found.quarantine] == ["identical_responses"]
    assert len({pair["chosen"][0]["extra"] for pair in found.table.to_pylist()}) == 2
    assert len(set(found.table["pair_id"].to_pylist())) == 2


@pytest.mark.parametrize("column", ["messages", "conversations"])
def test_a_conversation_that_ends_with_the_user_is_the_prompt_of_texts(load, column: str) -> None:
    pair = load([{column: [SYSTEM, user("p")], **BOTH}]).table.to_pylist()[0]
    assert [(m["role"], m["content"]) for m in pair["prompt"]] == [("system", "s"), ("user", "p")]
    (scored,) = stream_rows([{column: [user("p")], "response": "a"}], RowOptions()).rows
    assert scored.conversations == [TALK]


def test_what_an_instruction_is_about_stands_below_it_in_every_form(load) -> None:
    asked = {"instruction": "do", "input": "it"}
    rows = [{**asked, "responses": ["a", "b"], "ratings": [1, 2]}, {**asked, "chosen": ["a"], "rejected": ["b", "c"]}]
    for row in rows:
        assert load([row]).table["prompt"][0].as_py()[0]["content"] == "do\nit"


def test_answers_in_a_list_are_several_responses_and_turns_are_one() -> None:
    answers, turns = [assistant("a"), assistant("b")], [user("q"), assistant("a")]
    (several,) = stream_rows([{"prompt": "p", "responses": answers}], RowOptions()).rows
    assert several.conversations == [[user("p"), answer] for answer in answers]
    (one,) = stream_rows([{"messages": turns}], RowOptions()).rows
    assert one.conversations == [turns]
