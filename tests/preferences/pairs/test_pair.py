"""Checks of one pair by itself."""

from __future__ import annotations

import pytest

from rewardsmith.preferences.pairs.pair import Pair, check_pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user


def reason_of(pair: Pair) -> str | None:
    try:
        check_pair(pair)
    except BadRowError as problem:
        return problem.reason
    return None


def test_a_usable_pair_passes() -> None:
    assert reason_of(Pair([user("p")], assistant("a"), assistant("b"))) is None


def test_a_pair_without_a_prompt_passes_but_an_empty_prompt_does_not() -> None:
    assert reason_of(Pair([], assistant("a"), assistant("b"))) is None
    assert reason_of(Pair([user(" ")], assistant("a"), assistant("b"))) == "empty_field"


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0\u3000"])
def test_white_space_is_an_empty_response(blank: str) -> None:
    assert reason_of(Pair([user("p")], assistant(blank), assistant("b"))) == "empty_field"
    assert reason_of(Pair([user("p")], assistant("a"), assistant(blank))) == "empty_field"


def test_equal_texts_are_identical_but_spacing_makes_a_difference() -> None:
    assert reason_of(Pair([user("p")], assistant("a"), assistant("a"))) == "identical_responses"
    assert reason_of(Pair([user("p")], assistant("a"), assistant("a "))) is None


def test_a_response_of_the_user_is_no_response() -> None:
    assert reason_of(Pair([user("p")], user("a"), assistant("b"))) == "no_response"
