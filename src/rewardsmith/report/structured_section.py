"""The part of the report on errors that follow length or category."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rewardsmith.report.numbers import count, known, part, percent
from rewardsmith.report.sections import Bar, BarTable, bar_table

COLUMNS = ("category", "pairs", "longer preferred wrongly", "shorter preferred wrongly")


def structured_table(metrics: Mapping[str, Any], with_names: bool) -> BarTable | None:
    """Share of labels expected to be wrong and rates by direction of length, by category, largest share first."""
    rows = [r for r in part(metrics, "structured", "categories") or [] if known(r.get("share_wrong"))]
    rows.sort(key=lambda r: -r["share_wrong"])
    widest = max((r["share_wrong"] for r in rows), default=0) or 1.0
    names = {} if with_names else _numbers(metrics)
    bars = [
        Bar(
            name=str(r["name"]) if with_names else names.get(r["name"], "another category"),
            cells=(count(r.get("count")), percent(r.get("longer_rate")), percent(r.get("shorter_rate"))),
            value=r["share_wrong"] / widest,
            low=None,
            high=None,
            text=percent(r["share_wrong"]),
        )
        for r in rows
    ]
    return bar_table(COLUMNS, "expected to be wrong", bars)


def _numbers(metrics: Mapping[str, Any]) -> dict[str, str]:
    """``category 1`` and so on, the same as in the table of doubtful labels by category."""
    rows = [r for r in part(metrics, "categories") or [] if known(r.get("share_doubtful"))]
    ranked = sorted(rows, key=lambda r: -r["share_doubtful"])
    return {r["name"]: f"category {i}" for i, r in enumerate(ranked, 1)}
