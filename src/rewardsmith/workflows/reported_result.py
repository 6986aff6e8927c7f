"""What a verb gives back that leaves a folder with a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rewardsmith.report.page import inline_report


@dataclass(frozen=True)
class ReportedResult:
    """Numbers, and the folder that holds them with ``report.html``."""

    path: str
    metrics: dict[str, Any]

    @property
    def report_path(self) -> str:
        """The HTML report."""
        return f"{self.path}/report.html"

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document."""
        return {"path": self.path, "report": self.report_path, **self.metrics}

    def _repr_html_(self) -> str:
        return inline_report(Path(self.report_path).read_text(encoding="utf-8"))
