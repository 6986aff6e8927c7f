"""Accuracy with ties apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardsmith.metrics.accuracy import pair_accuracy, pair_credit


def test_ties_are_apart_and_half_credit_is_the_second_number() -> None:
    result = pair_accuracy([2.0, 1.0, -1.0, 0.0], 1.0)
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.accuracy_ties_half == pytest.approx(2.5 / 4)
    assert (result.num_pairs, result.num_correct, result.num_ties, result.num_label_ties) == (4, 2, 1, 0)


def test_constant_rewards_are_neither_right_nor_wrong() -> None:
    result = pair_accuracy(np.zeros(5), 1.0)
    assert result.accuracy is None and result.accuracy_ties_half == 0.5


def test_tied_labels_are_counted_and_left_out() -> None:
    result = pair_accuracy([1.0, -1.0, 3.0], [1.0, 0.5, 0.5])
    assert (result.accuracy, result.num_pairs, result.num_label_ties) == (1.0, 1, 2)


def test_target_under_one_half_wants_a_negative_gap() -> None:
    assert pair_credit([1.0, -1.0], [0.2, 0.2]).tolist() == [0.0, 1.0]


def test_nothing_to_judge_is_none() -> None:
    result = pair_accuracy([], [])
    assert result.accuracy is None and result.accuracy_ties_half is None


def test_nan_gap_is_refused_instead_of_counted_as_wrong() -> None:
    with pytest.raises(ValueError, match="1 of 2 gaps or targets are NaN"):
        pair_accuracy([np.nan, 1.0], 1.0)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0, 1)), min_size=1))
def test_swapping_every_pair_changes_no_number(rows: list[tuple[float, float]]) -> None:
    gaps, target = np.array(rows).T
    swapped = pair_accuracy(-gaps, 1 - target)
    if ((target != 0.5) == (1 - target != 0.5)).all():
        assert swapped == pair_accuracy(gaps, target)
