"""The columns that every form may carry."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.preferences.rows.optional_columns import read_number, read_optional_columns


def pair_with(**columns: Any) -> Pair:
    return read_optional_columns(columns, Pair([user("p")], assistant("a"), assistant("b")))


def test_a_row_without_them_has_the_defaults() -> None:
    pair = pair_with(chosen="a")
    assert (pair.target, pair.margin, pair.weight) == (1.0, 0.0, 1.0)
    assert (pair.source, pair.category, pair.annotator_id, pair.score_chosen) == (None, None, None, None)


def test_all_of_them_are_read() -> None:
    pair = pair_with(target=0.7, margin=-0.5, weight=2, source="s", category=3, annotator_id="x", chosen_rating="4.5")
    assert (pair.target, pair.margin, pair.weight) == (0.7, -0.5, 2.0)
    assert (pair.source, pair.category, pair.annotator_id, pair.score_chosen) == ("s", "3", "x", 4.5)


def test_the_plain_name_wins_over_other_names() -> None:
    assert pair_with(label_prob=0.2, target=0.9).target == 0.9
    assert pair_with(label_prob=0.2).target == 0.2


def test_empty_cells_leave_the_default() -> None:
    pair = pair_with(target=None, margin="", weight=" ", category="", source=None, annotator_id=math.nan)
    assert (pair.target, pair.margin, pair.weight) == (1.0, 0.0, 1.0)
    assert (pair.category, pair.annotator_id) == (None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", np.float32("nan")])
def test_numbers_that_are_not_finite_make_the_row_bad(value: object) -> None:
    with pytest.raises(BadRowError) as error:
        pair_with(score_rejected=value)
    assert error.value.reason == "nan_score"


@pytest.mark.parametrize(
    ("column", "value"), [("target", 1.01), ("target", -0.01), ("weight", -1), ("margin", 1e31), ("margin", -1e300)]
)
def test_numbers_outside_their_range_make_the_row_bad(column: str, value: float) -> None:
    with pytest.raises(BadRowError) as error:
        pair_with(**{column: value})
    assert error.value.reason == "out_of_range"


@pytest.mark.parametrize("value", [True, "many", [1], {"a": 1}, b"1", pytest.param(10**5000, id="huge")])
def test_what_is_no_number_is_of_the_wrong_type(value: object) -> None:
    with pytest.raises(BadRowError) as error:
        read_number(value, "margin")
    assert error.value.reason == "wrong_type"
    assert len(error.value.message) < 100


@pytest.mark.parametrize("value", [2, 2.0, "2", " 2.0 ", np.int64(2), np.float32(2), Decimal("2")])
def test_numbers_of_every_kind_are_read(value: object) -> None:
    assert read_number(value, "margin") == 2.0
