"""Rows as JSON text."""

from __future__ import annotations

import datetime
import decimal
import json
from typing import Any

import numpy as np
import pytest

from rewardsmith.preferences.files.raw_row import json_form, rows_of_records


@pytest.mark.parametrize(
    "value", [np.int64(3), np.float32(0.1), np.bool_(True), [np.int8(-1), {"a": np.uint16(7)}], "\ud800 ä", None, 1.5]
)
def test_numbers_of_numpy_are_numbers(value: Any) -> None:
    text, exact = json_form(value)
    assert exact and json.loads(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (np.datetime64("2026-01-02", "ns"), "2026-01-02T00:00:00.000000000"),
        (np.timedelta64(5, "ns"), "5 nanoseconds"),
        (b"\xff", "b'\\xff'"),
    ],
)
def test_what_json_has_no_word_for_is_text_and_not_called_exact(value: Any, text: str) -> None:
    (row,) = rows_of_records([{"a": value, "n": np.int64(1)}])
    assert (json.loads(row.original), row.exact) == ({"a": text, "n": 1}, False)


def test_arrays_and_tuples_are_lists() -> None:
    message = {"role": "user", "content": "p"}
    (row,) = rows_of_records([{"a": np.array([message], dtype=object), "b": (message,), "c": [np.array([1, 2])]}])
    assert row.record == {"a": [message], "b": [message], "c": [[1, 2]]}
    assert row.exact
