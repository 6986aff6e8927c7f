"""One scorer for many threads: what they ask meanwhile goes together, and so do errors."""

from __future__ import annotations

import numpy as np
import pytest
from waiting_scorers import Held, talk

from rewardsmith.errors import RunError


def test_what_is_asked_meanwhile_is_scored_together() -> None:
    scorer = Held()
    asked = [["a"], ["bb", "ccc"], ["refuse", "d"], [], ["e"]]
    _, answers = scorer.asked_meanwhile([[talk(response) for response in one] for one in asked])
    members, refused = zip(*(answer.result() for answer in answers), strict=True)
    expected = [[1], [2, 3], [np.nan, 1], [], [1]]
    for found, one in zip(members, expected, strict=True):
        np.testing.assert_array_equal(found, np.array([one]))
    assert refused == ({}, {}, {0: "not this"}, {}, {})
    assert scorer.num_scored == [1, 4]


@pytest.mark.parametrize("error", [RunError, KeyboardInterrupt])
def test_a_failure_reaches_all_who_wait_and_the_next_is_served(error: type[BaseException]) -> None:
    scorer = Held(error)
    model, answers = scorer.asked_meanwhile([[talk("a")]] * 4)
    assert [type(answer.exception(10)) for answer in answers] == [error] * 4
    scorer.error = None
    assert model.score([talk("ab")]).members.tolist() == [[2]]
