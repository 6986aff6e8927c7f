"""Agreement of labels and second labels by strength, beside what the audit's judges expect (paper, Fig. 3)."""

from __future__ import annotations

from typing import Any

import altair as alt

from rewardsmith.contracts.metrics.second_labels import SecondNumbers
from rewardsmith.report.audit.words.second_labels import left_out_words, strength_finding
from rewardsmith.report.numbers import count, decimal, percent, percent_range
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of

CAPTION = (
    "Pairs sorted by strength and cut into 20 equal groups; ties of the second labels count half. Bars: 95% intervals "
    "over prompts. The paper finds 16% in the weakest group, 54% at strength 0 and 96% in the strongest (Fig. 3), "
    "where strengths are of models that trained on the pairs."
)
EXPECTED = LegendEntry("dashed", "axis", "labels that the audit's judges expect to be right")


def second_figure(found: SecondNumbers) -> Figure | None:
    """None with fewer than two groups."""
    values: list[dict[str, Any]] = [
        {
            "group": row["bin"] + 1,
            "agreement": row["agreement"]["value"],
            "low": row["agreement"]["low"],
            "high": row["agreement"]["high"],
            "belief": row["belief"],
            "tip": f"group {row['bin'] + 1}, mean strength {decimal(row['strength_mean'])}: "
            f"{percent(row['agreement']['value'])} "
            f"({percent_range(row['agreement']['low'], row['agreement']['high'])}) of {count(row['count'])} pairs",
        }
        for row in found["by_bin"]
    ]
    if len(values) < 2:
        return None

    def chart(canvas: Canvas) -> alt.LayerChart:
        x = alt.X(
            "group:Q",
            title="group of pairs, weakest (1) to strongest (20)",
            scale=alt.Scale(domain=[0.5, 20.5], nice=False),
            axis=alt.Axis(values=[1, 5, 10, 15, 20], format="d"),
        )
        shares = alt.Scale(domain=[0, 1])
        y = alt.Y("agreement:Q", title="share that agrees", scale=shares, axis=alt.Axis(format=".0%", tickCount=5))
        judges = marks_of([row for row in values if row["belief"] is not None])
        known = marks_of([row for row in values if row["low"] is not None])
        base = marks_of(values).encode(x=x, y=y)
        return layered(
            judges.mark_line(color=light("axis"), strokeWidth=1.75, strokeDash=[5, 4], aria=False).encode(
                x=x, y=alt.Y("belief:Q", scale=shares)
            ),
            known.mark_rule(color=light("blue"), opacity=0.6, aria=False).encode(
                x=x, y=alt.Y("low:Q", scale=shares), y2=alt.Y2("high:Q")
            ),
            base.mark_line(color=light("blue"), strokeWidth=1.75, aria=False),
            base.mark_point(color=light("blue"), filled=True, size=48, opacity=1).encode(description=TIP),
            height=canvas.choose(260, 230),
        )

    expects = any(row["belief"] is not None for row in values)
    legend = (LegendEntry("line", "blue", "labels that the second labels agree with"), *([EXPECTED] if expects else []))
    finding, caption = strength_finding(found), f"{CAPTION} {left_out_words(found)}".strip()
    return draw("second-labels", finding, f"Agreement by strength. {finding}.", chart, caption, legend)
