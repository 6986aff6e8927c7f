"""Options of the report. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ReportOptions:
    """What the HTML report shows."""

    report_text: Literal["full", "none"] = "full"
    """`none` leaves every text of the data out of the report, and of an audit's doubtful.csv."""
    report_examples: int = 12
    """Pairs shown in each gallery (most doubtful, most ambiguous, strongest)."""
    report_pairs: int = 1000
    """Pairs in the table to decide in, of `audit` the most doubtful, of `refine` those that changed: 3 kB each where
    responses are of usual length, 12 kB at most for two responses and more for long prompts."""
