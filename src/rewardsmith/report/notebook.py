"""A report inside a notebook cell, and what a verb gives back, which shows itself so or in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Generic, TypeVar

DEFAULT_HEIGHT = 720

M = TypeVar("M", bound=Mapping[str, Any])


@dataclass(frozen=True, repr=False)
class MeasuredResult(Generic[M]):
    """Where the results of a verb are, and their numbers. Subclasses are dataclasses with ``repr=False``."""

    path: str
    metrics: M

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path}: {self.in_short()})"

    def in_short(self) -> str:
        """The numbers that matter most, in a few words."""
        raise NotImplementedError

    def summary(self) -> dict[str, Any]:
        return {"path": self.path, **self.metrics}


@dataclass(frozen=True, repr=False)
class ReportedResult(MeasuredResult[M]):
    """One whose folder holds ``report.html`` too."""

    @property
    def report_path(self) -> str:
        return f"{self.path}/report.html"

    def summary(self) -> dict[str, Any]:
        return {"path": self.path, "report": self.report_path, **self.metrics}

    def _repr_html_(self) -> str:
        return inline_report(Path(self.report_path).read_text(encoding="utf-8"))


def inline_report(html: str, height: int = DEFAULT_HEIGHT) -> str:
    """An inline frame that holds the whole report: for ``_repr_html_``. ``height`` in pixels.

    The frame is a sandbox of its own origin: the report's styles do not leak into the notebook, and nothing in it can
    reach the notebook. Decisions taken in it can be downloaded.
    """
    return (
        f'<iframe srcdoc="{escape(html, quote=True)}" sandbox="allow-scripts allow-downloads" '
        f'title="rewardsmith report" style="width: 100%; height: {height}px; border: 1px solid #8884; '
        'border-radius: 6px"></iframe>'
    )
