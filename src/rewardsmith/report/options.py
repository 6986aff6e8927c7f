"""Options of the report. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ReportOptions:
    """What the HTML report shows."""

    report_text: Literal["full", "none"] = "full"
    """`none` leaves every text of the data out of the report, and of an audit's doubtful.csv and leanings.csv."""
    report_examples: int = 12
    """Pairs shown in each gallery (most doubtful, most ambiguous, strongest)."""
