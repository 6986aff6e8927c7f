"""Tables of shares by category or annotator, each share drawn as a bar."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsmith.contracts.metrics.audit import AuditMetrics, Category
from rewardsmith.report.numbers import count, decimal, percent, percent_range

MAX_TABLE_ROWS = 30
"""Rows of a category or annotator table; the others are counted."""


@dataclass(frozen=True)
class Bar:
    """A named share with an optional interval, all in [0, 1] of the widest value shown."""

    name: str
    cells: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class BarTable:
    """Rows to be drawn as bars in a table."""

    columns: tuple[str, ...]
    bar_title: str
    rows: list[Bar]
    num_hidden: int


def category_table(metrics: AuditMetrics, with_names: bool) -> BarTable | None:
    """Share of doubtful labels by category, largest first; of labels against the judges where none is called wrong."""
    rows = _by_doubt(metrics)
    widest = max((_doubt(r) for r in rows), default=0) or 1.0
    bars = [
        Bar(
            name=r["name"] if with_names else f"category {i}",
            cells=(count(r["count"]), decimal(r["accuracy"], 3), decimal(r["strength_mean"])),
            value=_doubt(r) / widest,
            low=None,
            high=None,
            text=percent(_doubt(r)),
        )
        for i, r in enumerate(rows, 1)
    ]
    columns = ("category", "pairs", "accuracy", "mean strength")
    judged = all(r["share_doubtful"] is not None for r in rows)
    return bar_table(columns, "doubtful labels" if judged else "labels against the judges", bars)


def annotator_table(metrics: AuditMetrics, with_names: bool) -> BarTable | None:
    """Estimated error rate by annotator with its interval, largest first."""
    rows = sorted(metrics["annotators"] or [], key=lambda r: -r["error_rate"])
    widest = max((max(r["error_rate"], r["high"]) for r in rows), default=0) or 1.0
    bars = [
        Bar(
            name=r["name"] if with_names else f"annotator {i}",
            cells=(count(r["count"]), percent_range(r["low"], r["high"])),
            value=r["error_rate"] / widest,
            low=r["low"] / widest,
            high=r["high"] / widest,
            text=percent(r["error_rate"]),
        )
        for i, r in enumerate(rows, 1)
    ]
    return bar_table(("annotator", "pairs", "interval"), "estimated error rate", bars)


def bar_table(columns: tuple[str, ...], bar_title: str, bars: list[Bar]) -> BarTable | None:
    """A table of at most ``MAX_TABLE_ROWS`` bars, or None without any."""
    return BarTable(columns, bar_title, bars[:MAX_TABLE_ROWS], max(0, len(bars) - MAX_TABLE_ROWS)) if bars else None


def bar_finding(table: BarTable | None) -> str:
    """The finding of a bar table: where the share is highest and where lowest."""
    if table is None:
        return ""
    first, last = table.rows[0], table.rows[-1]
    subject = f"{table.bar_title[:1].upper()}{table.bar_title[1:]}"
    if len(table.rows) == 1 or first.text == last.text:
        return f"{subject}: {first.text} throughout"
    if table.num_hidden:
        return f"{subject}: up to {first.text} ({first.name})"
    return f"{subject}: {last.text} ({last.name}) to {first.text} ({first.name})"


def structured_table(metrics: AuditMetrics, with_names: bool) -> BarTable | None:
    """Share of labels expected to be wrong and rates by direction of length, by category, largest share first."""
    found = metrics["structured"]
    rows = sorted((found and found["categories"]) or [], key=lambda r: -r["share_wrong"])
    widest = max((r["share_wrong"] for r in rows), default=0) or 1.0
    names = {} if with_names else _numbers(metrics)
    bars = [
        Bar(
            name=r["name"] if with_names else names.get(r["name"], "another category"),
            cells=(count(r["count"]), percent(r["longer_rate"]), percent(r["shorter_rate"])),
            value=r["share_wrong"] / widest,
            low=None,
            high=None,
            text=percent(r["share_wrong"]),
        )
        for r in rows
    ]
    columns = ("category", "pairs", "longer preferred wrongly", "shorter preferred wrongly")
    return bar_table(columns, "expected to be wrong", bars)


def _numbers(metrics: AuditMetrics) -> dict[str, str]:
    """``category 1`` and so on, the same as in the table of doubtful labels by category."""
    return {r["name"]: f"category {i}" for i, r in enumerate(_by_doubt(metrics), 1)}


def _by_doubt(metrics: AuditMetrics) -> list[Category]:
    return sorted(metrics["categories"] or [], key=lambda r: -_doubt(r))


def _doubt(row: Category) -> float:
    return 1 - row["accuracy"] if row["share_doubtful"] is None else row["share_doubtful"]
