"""LLaMA-Factory's two forms with ranking."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.llamafactory import LLAMAFACTORY
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user

SYSTEM = {"role": "system", "content": "Be brief."}
RESPONSES = {"chosen": "a", "rejected": "b"}
TURNS = [{"from": "human", "value": "p"}, {"from": "gpt", "value": "q"}, {"from": "human", "value": "r"}]
SHAREGPT = {
    "conversations": TURNS,
    "chosen": {"from": "gpt", "value": "a"},
    "rejected": {"from": "gpt", "value": "b"},
}


def read(**record: Any) -> Pair:
    return LLAMAFACTORY.pairs(record)[0]


def test_instruction_and_input_make_one_turn() -> None:
    assert read(instruction="Add.", input="1 2", **RESPONSES).prompt == [user("Add.\n1 2")]
    assert read(instruction="Add.", input="", **RESPONSES).prompt == [user("Add.")]
    assert read(instruction=None, input="1 2", **RESPONSES) == Pair([user("1 2")], assistant("a"), assistant("b"))


def test_system_and_history_come_before_the_instruction() -> None:
    record = {"instruction": "r", "system": "Be brief.", "history": [["p", "q"]], **RESPONSES}
    assert read(**record).prompt == [SYSTEM, user("p"), assistant("q"), user("r")]


def test_the_turns_of_the_sharegpt_form_are_read_with_its_system_column() -> None:
    prompt = [user("p"), assistant("q"), user("r")]
    assert read(**SHAREGPT) == Pair(prompt, assistant("a"), assistant("b"))
    assert read(**SHAREGPT, system="Be brief.").prompt == [SYSTEM, *prompt]
    inside = {**SHAREGPT, "conversations": [{"from": "system", "value": "Be brief."}, *TURNS]}
    assert read(**inside, system="Not this.").prompt == [SYSTEM, *prompt]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"instruction": "p", "chosen": "a"}, "missing_field"),
        ({"instruction": "", "input": None, **RESPONSES}, "empty_field"),
        ({"instruction": 3, **RESPONSES}, "wrong_type"),
        ({"instruction": "p", "history": ["q"], **RESPONSES}, "wrong_type"),
        ({"instruction": "p", "history": [["q", 1]], **RESPONSES}, "wrong_type"),
        ({"instruction": "p", "chosen": ["a"], "rejected": "b"}, "wrong_type"),
        ({**SHAREGPT, "chosen": {"from": "function_call", "value": "f()"}}, "unknown_role"),
        ({**SHAREGPT, "conversations": "p"}, "wrong_type"),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        read(**record)
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({"instruction": "p", **RESPONSES}, "llamafactory"),
        ({"system": "s", "input": "p", **RESPONSES}, "llamafactory"),
        (SHAREGPT, "llamafactory"),
        ({"prompt": "p", "instruction": "not the prompt", **RESPONSES}, "trl"),
        ({"instruction": "p", "chosen": [user("p"), assistant("a")], "rejected": [user("p"), assistant("b")]}, "trl"),
    ],
)
def test_both_forms_are_recognised_and_trl_is_not_taken_for_them(load, record: dict[str, Any], name: str) -> None:
    assert load([record]).format == name
