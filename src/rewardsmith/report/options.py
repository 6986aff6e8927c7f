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
    report_pairs: int = 1000
    """Pairs in the table to decide in, at most: of `audit` the most doubtful, of `refine` those that changed. Each
    takes 1 to 3 kB of the file with responses of usual length, at most 12,000 characters. 0 leaves the table out."""
