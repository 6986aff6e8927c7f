"""What ``p_wrong`` promises against what a planted copy keeps: the check of the audit's own probabilities."""

from __future__ import annotations

from typing import Any

import altair as alt

from rewardsmith.contracts.metrics.planted import Planted
from rewardsmith.metrics.intervals import wilson
from rewardsmith.report.numbers import count, percent, percent_range
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of

FEWEST_LABELS = 20
"""Labels in a bin that is drawn."""
ALLOWANCE = 0.05
"""By how much less than expected may be found: how many labels were wrong before is an estimate."""


def reliability_figure(planted: Planted, name: str) -> Figure | None:
    """Share of planted flips by what ``p_wrong`` says of a label; None with fewer than two bins worth drawing."""
    values: list[dict[str, Any]] = []
    for row in planted["reliability"]:
        if row["count"] >= FEWEST_LABELS:
            ends = wilson(round(row["found"] * row["count"]), row["count"])
            low, high = ends.low, ends.high
            tip = f"expected {percent(row['expected'])}, found {percent(row['found'])} ({percent_range(low, high)})"
            values.append({**row, "low": low, "high": high, "tip": f"{tip}, {count(row['count'])} labels"})
    if len(values) < 2 or planted["kind"] != "uniform":
        return None
    short = any(row["high"] < row["expected"] - ALLOWANCE for row in values)
    title = f"p_wrong promises {'more than' if short else 'what, or less than,'} the copy keeps"

    def chart(canvas: Canvas) -> alt.LayerChart:
        shares = alt.Scale(domain=[0, 1])
        axis = alt.Axis(format=".0%", tickCount=canvas.choose(6, 4))
        base = marks_of(values).encode(
            x=alt.X("promised:Q", title="mean p_wrong of the labels", scale=shares, axis=axis),
            y=alt.Y("found:Q", title="share that had been flipped", scale=shares, axis=axis),
        )
        expected = base.mark_line(color=light("axis"), strokeWidth=1.5, aria=False)
        whiskers = base.mark_rule(color=light("blue"), opacity=0.6, aria=False).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
        line = base.mark_line(color=light("blue"), strokeWidth=1.75, aria=False)
        dots = base.mark_point(color=light("blue"), filled=True, size=48, opacity=1).encode(description=TIP)
        promise = expected.encode(y=alt.Y("expected:Q", scale=shares))
        return layered(promise, whiskers, line, dots, height=canvas.choose(260, 230))

    return draw(
        name,
        title,
        f"Promised against found share of flipped labels. {title}.",
        chart,
        "On the grey line p_wrong is what it says; above it more labels were flipped than it promised. The line "
        "allows for the labels that were wrong before, as many as the audit estimates. Bars: 95% intervals.",
        (
            LegendEntry("line", "blue", "labels of the copy, by tenths of p_wrong"),
            LegendEntry("line", "axis", "flips that p_wrong promises"),
        ),
    )
