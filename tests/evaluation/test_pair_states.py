"""The states of pairs by what their labels prefer, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.errors import ConfigError
from rewardsmith.evaluation import pair_states
from rewardsmith.evaluation.pair_states import (
    look_at_states,
    pairs_to_look_at,
    preferred_and_other,
    state_numbers,
)
from stub_scorer import StubScorer
from tiny_reward_models import pair_table


class StubStates(StubScorer):
    """The state of a response is made of its length and its first letter."""

    def __init__(self) -> None:
        super().__init__(len)

    def states(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        responses = [talk[-1]["content"] for talk in conversations]
        return np.array([[len(response) % 4 * 5, ord(response[0]), 1] for response in responses], dtype=np.float32)


class StubViews(StubStates):
    """The second view is turned by a right angle."""

    def views(self, conversations: Sequence[Conversation], dropout: float, seed: int = 0) -> NDArray[np.float32]:
        if dropout != 0.05:
            raise ConfigError(f"`dropout` {dropout}")
        self.num_scored.append(len(conversations))
        return np.stack([np.eye(3, dtype=np.float32)[np.full(len(conversations), place)] for place in (0, 1)])


def rows(num: int, **more: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": f"p{i // 2}", "chosen": "abcdefghijklmnop"[i % 9 :], "rejected": "uvwx"[i % 3 :], **more}
        for i in range(num)
    ]


def test_only_pairs_whose_label_prefers_a_response_are_looked_at_and_always_the_same() -> None:
    table = pair_table([*rows(10), *rows(2, target=0.5), *rows(2, weight=0.0)])
    assert pairs_to_look_at(table, 100, seed=0)["row"].to_pylist() == list(range(10))
    few = pairs_to_look_at(table, 4, seed=0)["row"].to_pylist()
    assert len(few) == 4 and few == sorted(few) == pairs_to_look_at(table, 4, seed=0)["row"].to_pylist()
    assert few != pairs_to_look_at(table, 4, seed=1)["row"].to_pylist()
    assert len(pairs_to_look_at(table, 0, seed=0)) == 0


def test_a_target_under_one_half_prefers_the_rejected_response() -> None:
    table = pair_table([{**row, "target": target} for row, target in zip(rows(2), (0.9, 0.2), strict=True)])
    preferred, other = preferred_and_other(StubStates(), table)
    assert [chr(int(letter)) for letter in preferred[:, 1]] == ["a", "v"]
    assert [chr(int(letter)) for letter in other[:, 1]] == ["u", "b"]


def test_states_that_lie_apart_are_told_from_chance() -> None:
    seen = look_at_states(StubStates(), pair_table(rows(20)))
    assert seen.numbers is not None and seen.map is not None
    n = seen.numbers
    assert (n["num_pairs"], n["num_dimensions"], n["overlap"], n["collapse"]) == (20, 3, 0.0, None)
    assert 0 < n["overlap_by_chance_low"] < 0.5 < n["overlap_by_chance_high"] < 1
    assert n["mapped_variance"] == pytest.approx(1), "the third number is the same in all states"
    assert seen.map.places["pca"].shape == (40, 2)


def test_a_scorer_that_shows_no_states_and_no_pairs_give_nothing() -> None:
    assert look_at_states(StubScorer(len), pair_table(rows(4))).numbers is None
    assert look_at_states(StubStates(), pair_table([])).numbers is None


def test_alignment_is_that_of_two_views_of_some_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_states, "VIEWED_PAIRS", 5)
    scorer = StubViews()
    seen = look_at_states(scorer, pair_table(rows(8)))
    assert seen.numbers is not None and seen.numbers["alignment"] == pytest.approx(2)
    assert scorer.num_scored == [10]
    plain = look_at_states(StubStates(), pair_table(rows(8)))
    assert plain.numbers is not None and plain.numbers["alignment"] is None


def test_a_model_whose_blocks_cannot_drop_has_no_alignment_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pair_states, "VIEW_DROPOUT", 0.5)
    seen = look_at_states(StubViews(), pair_table(rows(8)))
    assert seen.numbers is not None and seen.numbers["alignment"] is None
    assert "not read in two views: `dropout` 0.5" in capsys.readouterr().err


def test_what_is_not_defined_is_none() -> None:
    n = state_numbers(np.ones((1, 3), np.float32), np.ones((1, 3), np.float32), np.array(["p"]))
    assert n["overlap"] is n["overlap_by_chance_low"] is n["first_axis_share"] is None
    assert n["effective_rank"] == 0 and n["pair_distance"] == 0
    few = look_at_states(StubStates(), pair_table(rows(2)))
    assert few.map is None and few.numbers is not None and few.numbers["mapped_variance"] is None


def test_pairs_of_one_prompt_are_no_neighbours() -> None:
    states = np.arange(8, dtype=np.float32)[:, None]
    apart, together = np.array(["a", "b", "c", "d"]), np.array(["a", "a", "b", "b"])
    assert state_numbers(states[:4], states[4:], apart)["overlap"] == pytest.approx(0.125), "3, whose nearest is 2 or 4"
    assert state_numbers(states[:4], states[4:], together)["overlap"] == pytest.approx(0.25)
