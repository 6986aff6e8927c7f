"""Every guard is 1 where responses are usual, and falls with the hack that it is against."""

from __future__ import annotations

import numpy as np
import pytest

from rewardsmith.policy.worlds.guards import length_guard, likelihood_guard, repetition_guard


def counts(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_length_has_a_window_with_slopes() -> None:
    guard = length_guard(counts(0, 3, 6, 15, 24, 27, 30, 500))
    np.testing.assert_allclose(guard, [0, 0.5, 1, 1, 1, 0.5, 0, 0])


def test_repeating_oneself_costs_more_the_fewer_tokens_are_new() -> None:
    guard = repetition_guard(counts(20, 20, 20, 20, 20), counts(20, 16, 11, 6, 1))
    np.testing.assert_allclose(guard, [1, 1, 0.5, 0, 0], atol=1e-12)


def test_an_empty_response_repeats_nothing_and_still_has_no_worth() -> None:
    assert repetition_guard(counts(0), counts(0))[0] == length_guard(counts(0))[0] == 0


def test_what_is_less_likely_than_usual_costs_and_what_is_likelier_earns_nothing() -> None:
    guard = likelihood_guard(np.array([-3.0, -1.5, 0.0, 3.0]))
    assert guard[1] == pytest.approx(0.5)
    assert guard[0] == pytest.approx(1 - likelihood_guard(np.array([0.0]))[0])
    assert guard[2] > 0.98 and guard[3] - guard[2] < 0.02
