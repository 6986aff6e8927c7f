"""How often the preferred response has more of each feature, by the labels and by the judges."""

from __future__ import annotations

from typing import Any

import altair as alt

from rewardsmith.contracts.metrics.leanings import FeatureLeaning
from rewardsmith.report.numbers import percent_with_range
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

CAPTION = (
    "Dots: of the pairs that differ in a feature, the share whose preferred response has more of it; lines: 95% "
    "intervals over groups of prompts. Pale ones are not clear. At the line in the middle a feature tells nothing."
)
WIDEST_NAME = 158
"""Pixels."""


def leaning_figure(rows: list[FeatureLeaning]) -> Figure | None:
    """``rows``: the features that were tested, the first at the top; None without any."""
    if not rows:
        return None
    values = [_drawn(row) for row in rows]

    def chart(canvas: Canvas) -> alt.LayerChart:
        names = alt.Axis(
            grid=False, labelColor=light("ink"), labelFontSize=13, labelAlign="left", labelPadding=WIDEST_NAME
        )
        y = alt.Y("feature:N", sort=[row["feature"] for row in rows], title=None, axis=names)
        scale = alt.Scale(domain=[0, 1], nice=False)
        axis = alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1])
        low = alt.X("low:Q", title="preferred response has more", scale=scale, axis=axis)
        base = marks_of(values).encode(y=y, opacity=alt.condition("datum.is_clear", alt.value(1), alt.value(0.35)))
        rings = base.transform_filter("datum.judges != null").mark_point(color=light("orange"), size=70, aria=False)
        return layered(
            reference_line(0.5, "x", "axis").encode(alt.X("at:Q", scale=scale)),
            base.mark_rule(color=light("blue"), strokeWidth=2.5, aria=False).encode(low, alt.X2("high:Q")),
            rings.encode(alt.X("judges:Q", scale=scale)),
            base.mark_point(color=light("blue"), filled=True, size=60).encode(alt.X("share:Q", scale=scale), TIP),
            height=alt.Step(24),
        )

    clear = [str(value["tip"]) for value in values if value["is_clear"]]
    words = f"How often the preferred response has more: {'; '.join(clear) or 'nothing is clear'}."
    is_judged = any(value["judges"] is not None for value in values)
    judges = [LegendEntry("ring", "orange", "the audit's held-out judges")] if is_judged else []
    legend = (LegendEntry("dot", "blue", "labels"), *judges)
    return draw("leanings-by-feature", leaning_finding(rows), words, chart, CAPTION, legend)


def leaning_finding(rows: list[FeatureLeaning]) -> str:
    """How many features are clear."""
    clear = [row for row in rows if row["is_clear"]]
    if not clear:
        return f"None of {len(rows)} features, tested together, is clear"
    return f"Clear, tested together: {len(clear)} of {len(rows)} features"


def _drawn(row: FeatureLeaning) -> dict[str, Any]:
    share, judges = row["share"], row["judges_share"]["value"]
    by_judges = "" if judges is None else f", judges {percent_with_range(**row['judges_share'])}"
    return {
        "feature": row["feature"],
        "share": share["value"],
        "low": share["low"],
        "high": share["high"],
        "judges": judges,
        "is_clear": row["is_clear"],
        "tip": f"{row['feature']}: {percent_with_range(**share)}{by_judges}",
    }
