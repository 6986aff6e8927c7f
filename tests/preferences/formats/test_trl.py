"""TRL's form, in every shape in which it is published."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.trl import TRL
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user

SYSTEM = {"role": "system", "content": "Be brief."}


def read(**record: Any) -> Pair:
    return TRL.read(record)


def reason_of(**record: Any) -> str:
    with pytest.raises(BadRowError) as error:
        TRL.read(record)
    return error.value.reason


def test_an_explicit_prompt_of_strings() -> None:
    assert read(prompt=" p\n", chosen="a ", rejected="b") == Pair([user(" p\n")], assistant("a "), assistant("b"))


def test_an_explicit_prompt_of_messages() -> None:
    prompt = [SYSTEM, user("p"), assistant("q"), user("r")]
    pair = read(prompt=prompt, chosen=[assistant("a")], rejected=[assistant("b")])
    assert pair == Pair(prompt, assistant("a"), assistant("b"))
    assert read(prompt=prompt, chosen="a", rejected="b") == pair


def test_an_implicit_prompt_of_messages() -> None:
    shared = [SYSTEM, user("p"), assistant("q"), user("r")]
    pair = read(chosen=[*shared, assistant("a")], rejected=[*shared, assistant("b")])
    assert pair == Pair(shared, assistant("a"), assistant("b"))


def test_an_implicit_prompt_of_strings_ends_before_the_word_that_differs() -> None:
    pair = read(chosen="Sky is? It is blue.", rejected="Sky is? It is black.")
    assert pair == Pair([user("Sky is? It is ")], assistant("blue."), assistant("black."))
    longer = read(chosen="Sky? Blue", rejected="Sky? Blue sir")
    assert longer == Pair([user("Sky? ")], assistant("Blue"), assistant("Blue sir"))


def test_strings_that_share_nothing_have_no_prompt() -> None:
    assert read(chosen="blue", rejected="black") == Pair([], assistant("blue"), assistant("black"))
    assert read(chosen=" a", rejected=" b") == Pair([], assistant(" a"), assistant(" b"))


@pytest.mark.parametrize("prompt", ["p", " p ", [user("p")], None, ""])
def test_a_prompt_repeated_inside_the_conversations_is_not_doubled(prompt: object) -> None:
    pair = read(prompt=prompt, chosen=[user("p"), assistant("a")], rejected=[user("p"), assistant("b")])
    assert pair == Pair([user("p")], assistant("a"), assistant("b"))


def test_a_system_prompt_apart_comes_before_the_conversations() -> None:
    pair = read(prompt=[SYSTEM], chosen=[user("p"), assistant("a")], rejected=[user("p"), assistant("b")])
    assert pair.prompt == [SYSTEM, user("p")]


def test_a_text_prompt_comes_before_messages_without_a_user() -> None:
    assert read(prompt="p", chosen=[assistant("a")], rejected=[assistant("b")]).prompt == [user("p")]


def test_a_prompt_that_contradicts_the_conversations_is_not_guessed_away() -> None:
    conversations = {"chosen": [user("q"), assistant("a")], "rejected": [user("q"), assistant("b")]}
    assert reason_of(prompt="p", **conversations) == "different_prompts"


def test_conversations_that_part_before_the_last_turn_have_different_prompts() -> None:
    assert reason_of(chosen=[user("p"), assistant("a")], rejected=[user("q"), assistant("b")]) == "different_prompts"


def test_columns_of_messages_and_single_messages_are_read() -> None:
    columns = {"role": ["user", "assistant"], "content": ["p", "a"]}
    pair = read(chosen=columns, rejected=[user("p"), assistant("b")])
    assert pair == Pair([user("p")], assistant("a"), assistant("b"))
    assert read(prompt="p", chosen=assistant("a"), rejected=assistant("b")) == pair


def test_role_names_of_others_become_ours_and_text_parts_become_text() -> None:
    prompt = [{"role": "human", "content": [{"type": "text", "text": "o"}, {"type": "text", "text": "ne"}]}]
    assert read(prompt=prompt, chosen="a", rejected="b").prompt == [user("one")]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"chosen": "a"}, "missing_field"),
        ({"chosen": "a", "rejected": None}, "empty_field"),
        ({"chosen": [], "rejected": [assistant("b")]}, "empty_field"),
        ({"prompt": None, "chosen": "a", "rejected": "b"}, "empty_field"),
        ({"chosen": 1, "rejected": 2}, "wrong_type"),
        ({"chosen": "a", "rejected": [assistant("b")]}, "wrong_type"),
        ({"prompt": 5, "chosen": "a", "rejected": "b"}, "wrong_type"),
        ({"chosen": [{"role": "assistant", "content": None}], "rejected": [assistant("b")]}, "wrong_type"),
        ({"chosen": ["a"], "rejected": ["b"]}, "wrong_type"),
        ({"chosen": [{"role": "tool", "content": "x"}], "rejected": [assistant("b")]}, "no_response"),
        ({"chosen": [user("p")], "rejected": [user("q")]}, "no_response"),
        (
            {"prompt": "p", "chosen": [{"role": "assistant", "content": [{"type": "image"}]}], "rejected": [user("q")]},
            "wrong_type",
        ),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    assert reason_of(**record) == reason


def test_the_margin_and_the_target_reach_the_table(load) -> None:
    found = load([{"prompt": "p", "chosen": "a", "rejected": "b", "margin": 1.5, "label_prob": 0.25, "weight": 0}])
    assert [found.table[name][0].as_py() for name in ("margin", "target", "weight")] == [1.5, 0.25, 0.0]
