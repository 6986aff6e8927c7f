"""``leanings.csv``: every feature, in the whole set, by category and by annotator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewardsmith.contracts.metrics.leanings import FeatureLeaning
from rewardsmith.report.audit.pairs.doubtful import spreadsheet_cell
from rewardsmith.strength.leanings.table import flat


def leaning_file(rows: Sequence[FeatureLeaning], with_text: bool) -> tuple[list[str], Iterator[list[str]]]:
    """Header and rows; without texts only those of the whole set, since names of categories are texts."""
    shown = [flat(row) for row in rows if with_text or row["of"] == "all"]
    return [*shown[0]], ([_cell(value) for value in row.values()] for row in shown)


def _cell(value: str | float | None) -> str:
    """Six digits of a number; nothing for None."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else spreadsheet_cell(str(value))
