"""Two responses and a winner."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rewardsmith.preferences.formats.arena import ARENA
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user

A_WINS = Pair([user("p")], assistant("a"), assistant("b"))
B_WINS = Pair([user("p")], assistant("b"), assistant("a"))
TIE = Pair([user("p")], assistant("a"), assistant("b"), target=0.5)


def battle(**fields: Any) -> dict[str, Any]:
    return {"prompt": "p", "response_a": "a", "response_b": "b", **fields}


@pytest.mark.parametrize(
    ("winner", "expected"),
    [
        ("model_a", A_WINS),
        ("model_b", B_WINS),
        ("A", A_WINS),
        ("tie", TIE),
        ("tie (bothbad)", TIE),
        ("both_bad", TIE),
    ],
)
def test_the_winner_is_chosen_and_ties_are_kept(winner: str, expected: Pair) -> None:
    assert ARENA.read(battle(winner=winner)) == expected


@pytest.mark.parametrize(("won", "expected"), [("model_a", A_WINS), ("model_b", B_WINS), ("tie", TIE)])
@pytest.mark.parametrize("yes", [1, "1", True, 1.0])
def test_winner_flags_are_read(won: str, expected: Pair, yes: object) -> None:
    flags = {f"winner_{name}": yes if name == won else type(yes)(0) for name in ("model_a", "model_b", "tie")}
    assert ARENA.read(battle(**flags)) == expected


def test_whole_conversations_are_read_with_their_judge() -> None:
    sides = {f"conversation_{s}": [user("p"), assistant("q"), user("r"), assistant(s)] for s in "ab"}
    pair = ARENA.read({**sides, "winner": "model_b", "judge": "expert_3"})
    assert pair == Pair([user("p"), assistant("q"), user("r")], assistant("b"), assistant("a"), annotator_id="expert_3")


def test_turns_stored_as_json_lists_in_text_are_read() -> None:
    lists = {"prompt": json.dumps(["p"]), "response_a": json.dumps(["a"]), "response_b": json.dumps(["b"])}
    assert ARENA.read({**lists, "winner": "model_a"}) == A_WINS
    assert ARENA.read(battle(prompt='["unclosed', winner="model_a")).prompt == [user('["unclosed')]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (battle(winner="nobody"), "unknown_winner"),
        (battle(winner=3), "unknown_winner"),
        (battle(winner=None), "unknown_winner"),
        (battle(winner_model_a=1, winner_model_b=1), "unknown_winner"),
        (battle(winner="model_a", response_b=None), "missing_field"),
        ({"response_a": "a", "response_b": "b", "winner": "tie"}, "missing_field"),
        (battle(winner="model_a", response_b=["x"]), "wrong_type"),
        (
            {
                "conversation_a": [user("p"), assistant("x"), user("q"), assistant("a")],
                "conversation_b": [user("p"), assistant("y"), user("q"), assistant("b")],
                "winner": "model_a",
            },
            "different_prompts",
        ),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        ARENA.read(record)
    assert error.value.reason == reason


def test_ties_reach_the_table_with_half_a_target(load) -> None:
    found = load([battle(winner="tie"), battle(winner="model_b", response_a="c")])
    assert found.format == "arena"
    assert found.table["target"].to_pylist() == [0.5, 1.0]
    assert [finding.check for finding in found.findings] == ["ties"]
