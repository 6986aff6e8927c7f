"""Leanings as a table: ``leanings.csv``, and the data frames of Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rewardsmith.contracts.metrics.leanings import FeatureLeaning

if TYPE_CHECKING:
    import pandas as pd


def flat(row: FeatureLeaning) -> dict[str, Any]:
    """The row with three columns for each interval: ``share``, ``share_low``, ``share_high``."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict):
            found |= {f"{key}_{end}".removesuffix("_value"): value[end] for end in ("value", "low", "high")}
        else:
            found[key] = value
    return found


def leaning_frame(rows: Sequence[FeatureLeaning]) -> pd.DataFrame:
    """One row for each feature in the whole set, in each category and of each annotator."""
    import pandas as pd

    return pd.DataFrame([flat(row) for row in rows])
