"""NeMo-RL's form."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsmith.preferences.formats.nemo_rl import NEMO_RL
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user


def ranked(*ranks: Any, context: Any = "p") -> dict[str, Any]:
    """A row whose completions are named after their places."""
    completions = [{"rank": rank, "completion": [assistant("abcd"[i])]} for i, rank in enumerate(ranks)]
    return {"context": context, "completions": completions}


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ((0, 1), ["ab"]),
        ((1, 0), ["ba"]),
        ((2, 0, 1), ["bc", "ba", "ca"]),
        ((1, 0, 0), ["ba", "ca"]),
        ((0, None, 2), ["ac"]),
    ],
)
def test_every_lower_rank_is_chosen_over_every_higher_one(ranks: tuple[Any, ...], expected: list[str]) -> None:
    pairs = NEMO_RL.pairs(ranked(*ranks))
    assert pairs == [Pair([user("p")], assistant(better), assistant(worse)) for better, worse in expected]


def test_equal_ranks_are_a_tie_of_the_first_two() -> None:
    assert NEMO_RL.pairs(ranked(1, 1, 1)) == [Pair([user("p")], assistant("a"), assistant("b"), target=0.5)]


def test_the_context_may_be_messages() -> None:
    context = [{"role": "system", "content": "s"}, user("p"), assistant("q"), user("r")]
    assert NEMO_RL.pairs(ranked(0, 1, context=context))[0].prompt == context
    assert NEMO_RL.pairs(ranked(0, 1, context=[]))[0].prompt == []


def test_it_is_not_taken_for_rated_completions(load) -> None:
    assert load([ranked(0, 1)]).format == "nemo_rl"
    rated = [{"response": "a", "overall_score": 2}, {"response": "b", "overall_score": 1}]
    assert load([{"prompt": "p", "completions": rated}]).format == "ratings"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (ranked(0), "missing_field"),
        (ranked(0, None), "missing_field"),
        (ranked(0, 1, context=None), "missing_field"),
        (ranked(0, float("nan")), "nan_score"),
        (ranked(0, "best"), "wrong_type"),
        ({"context": "p", "completions": [{"rank": 0}]}, "wrong_type"),
        ({"context": "p"}, "wrong_type"),
        ({"context": "p", "completions": [{"rank": r, "completion": [user("a")] * 2} for r in (0, 1)]}, "wrong_type"),
    ],
)
def test_bad_rows_have_their_reason(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRowError) as error:
        NEMO_RL.read(record)
    assert error.value.reason == reason
