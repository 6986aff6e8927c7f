"""A report inside a notebook cell, and what a verb gives back that shows itself so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Generic, TypeVar

DEFAULT_HEIGHT = 720

M = TypeVar("M", bound=Mapping[str, Any])


@dataclass(frozen=True)
class ReportedResult(Generic[M]):
    """Numbers, and the folder that holds them with ``report.html``."""

    path: str
    metrics: M

    @property
    def report_path(self) -> str:
        """The HTML report."""
        return f"{self.path}/report.html"

    def summary(self) -> dict[str, Any]:
        """The result in one JSON document."""
        return {"path": self.path, "report": self.report_path, **self.metrics}

    def _repr_html_(self) -> str:
        return inline_report(Path(self.report_path).read_text(encoding="utf-8"))


def inline_report(html: str, height: int = DEFAULT_HEIGHT) -> str:
    """An inline frame that holds the whole report: for ``_repr_html_``. ``height`` in pixels.

    The frame is a sandbox of its own origin: the report's styles do not leak into the notebook, and nothing in it can
    reach the notebook.
    """
    return (
        f'<iframe srcdoc="{escape(html, quote=True)}" sandbox="allow-scripts" title="rewardsmith report" '
        f'style="width: 100%; height: {height}px; border: 1px solid #8884; border-radius: 6px"></iframe>'
    )
