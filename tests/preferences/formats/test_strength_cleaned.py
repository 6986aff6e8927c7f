"""The form of the paper's released set."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rewardsmith.preferences.formats.strength_cleaned import STRENGTH_CLEANED
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user

ROW = {"chosen": ["p", "q", "r", "a"], "rejected": ["p", "q", "r", "b"]}


def test_turns_alternate_and_the_last_is_the_response() -> None:
    expected = Pair([user("p"), assistant("q"), user("r")], assistant("a"), assistant("b"))
    assert STRENGTH_CLEANED.read(ROW) == expected
    opened = {side: ["Hello!", *turns] for side, turns in ROW.items()}
    assert STRENGTH_CLEANED.read(opened).prompt == [assistant("Hello!"), user("p"), assistant("q"), user("r")]


def test_it_is_recognised_and_its_judgements_stay_in_the_original_columns(load) -> None:
    extra = {"GPT4 label": -1, "mean preference difference": 0.5, "chosen score list": [1.0, 2.0]}
    found = load([{**ROW, **extra}])
    assert found.format == "strength_cleaned"
    original = json.loads(found.table["original"][0].as_py())
    assert {name: original[name] for name in extra} == extra
    assert found.table["target"].to_pylist() == [1.0]


def test_lists_of_strings_beside_a_prompt_are_not_turns(load) -> None:
    found = load([{"prompt": "p", "chosen": ["a"], "rejected": ["b"]}, {"prompt": "p", "chosen": "a", "rejected": "b"}])
    assert (found.format, found.table.num_rows, found.quarantine) == ("several", 2, [])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**ROW, "rejected": ["p", "a"]}, "different_prompts"),
        ({"chosen": ROW["chosen"]}, "missing_field"),
        ({**ROW, "rejected": []}, "wrong_type"),
        ({**ROW, "rejected": ["p", 3]}, "wrong_type"),
        ({**ROW, "rejected": "b"}, "wrong_type"),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        STRENGTH_CLEANED.read(record)
    assert error.value.reason == reason
