"""The columns that any form may carry beside its prompt and responses, and the names they go by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from numbers import Real

from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError, shown

NUMBERS: dict[str, tuple[str, ...]] = {
    "target": ("target", "label_prob"),
    "margin": ("margin",),
    "weight": ("weight",),
    "score_chosen": ("score_chosen", "chosen_score", "chosen_rating"),
    "score_rejected": ("score_rejected", "rejected_score", "rejected_rating"),
}
"""Field of a pair -> names of its column; the first that a row has is used."""
TEXTS: dict[str, tuple[str, ...]] = {
    "source": ("source",),
    "category": ("category",),
    "annotator_id": ("annotator_id",),
}
LARGEST = 1e30
"""Beyond this the tables' 32-bit floats, and every loss made of them, overflow."""
_RANGES = {"target": (0.0, 1.0), "weight": (0.0, LARGEST)}


def read_optional_columns(record: Mapping[str, object], pair: Pair) -> Pair:
    """The pair with what the row says about target, margin, weight, scores, source, category and annotator."""
    numbers, texts = _present(tuple(record))
    for field, key in numbers:
        number = read_number(record[key], key)
        if number is not None:
            low, high = _RANGES.get(field, (-LARGEST, LARGEST))
            if not low <= number <= high:
                raise BadRowError("out_of_range", f'"{key}" is {number:g}, not between {low:g} and {high:g}')
            setattr(pair, field, number)
    for field, key in texts:
        text = record[key]
        if isinstance(text, str | int | float) and text != "" and text == text:  # NaN is a missing value
            setattr(pair, field, str(text))
    return pair


def read_number(value: object, key: str) -> float | None:
    """A finite number, or None where the cell is empty. Text is read as CSV files write numbers."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, float | int | str | Real | Decimal):
        raise BadRowError("wrong_type", f'"{key}" is {shown(value)}, not a number')
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise BadRowError("wrong_type", f'"{key}" is {shown(value)}, not a number') from None
    if not math.isfinite(number):
        raise BadRowError("nan_score", f'"{key}" is {number}, not a finite number')
    return number


@lru_cache(maxsize=256)
def _present(keys: tuple[str, ...]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(field, column) for the optional columns among the keys; rows of one file mostly share their keys."""
    found = set(keys)

    def pick(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
        return [(field, next(n for n in names if n in found)) for field, names in table.items() if found & set(names)]

    return pick(NUMBERS), pick(TEXTS)
