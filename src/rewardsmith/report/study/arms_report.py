"""One self-contained HTML page from the numbers of a study of arms, and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from rewardsmith.report.numbers import known
from rewardsmith.report.page import render_page
from rewardsmith.report.palette import light
from rewardsmith.report.study import arms_tables
from rewardsmith.report.study.tables import gain_text
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

COLOURS = {"better": "blue", "unclear": "axis", "worse": "orange"}


def render_arms_report(metrics: Mapping[str, Any]) -> str:
    """The report as one HTML document, from ``metrics.json`` alone."""
    return render_page(
        "study_arms.html.j2",
        metrics=metrics,
        title=metrics["title"],
        verdict=arms_tables.verdict(metrics),
        figures=[
            figure for number, test in enumerate(metrics["tests"]) if (figure := gains_figure(metrics, test, number))
        ],
        rows=arms_tables.arm_rows(metrics),
        rate_rows=arms_tables.rate_rows(metrics),
        measured=arms_tables.measured(metrics),
    )


def gains_figure(metrics: Mapping[str, Any], test: Mapping[str, Any], number: int) -> Figure | None:
    """Gains on one test with their intervals; none where no arm has an interval."""
    values = [
        {
            "name": name,
            "value": 100 * own["gain"]["value"],
            "low": 100 * own["gain"]["low"],
            "high": 100 * own["gain"]["high"],
            "verdict": own["verdict"],
            "tip": f"{name}: {gain_text(own)} points",
        }
        for name, own in test["arms"].items()
        if own["verdict"] and known(own["gain"]["low"]) and known(own["gain"]["high"])
    ]
    if not values:
        return None

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            y=alt.Y("name:N", title=None, sort=[row["name"] for row in values], axis=alt.Axis(labelLimit=190)),
            color=alt.Color(
                "verdict:N",
                scale=alt.Scale(domain=list(COLOURS), range=[light(colour) for colour in COLOURS.values()]),
                legend=None,
            ),
        )
        span = base.mark_rule(strokeWidth=2, aria=False).encode(alt.X("low:Q"), alt.X2("high:Q"))
        title = f"gain on {metrics['baseline']}, points of accuracy"
        axis = alt.X("value:Q", title=title, axis=alt.Axis(tickCount=canvas.choose(8, 5)))
        dots = base.mark_point(filled=True, size=60, opacity=1).encode(x=axis, description=TIP)
        return layered(reference_line(0, "x", "axis"), span, dots, height=alt.Step(24))

    clear = [row["name"] for row in values if row["verdict"] != "unclear"]
    found = f"{', '.join(clear)} clearly differ{'s' if len(clear) == 1 else ''}" if clear else "no clear difference"
    title = f"{test['name']}: {found} from {metrics['baseline']}"
    return draw(
        f"gains-{number}",
        title,
        f"Gain in accuracy of each arm. {title}.",
        chart,
        "95% intervals over groups of the test and over seeds, paired.",
        (
            LegendEntry("dot", "blue", "clearly better"),
            LegendEntry("dot", "axis", "not clear"),
            LegendEntry("dot", "orange", "clearly worse"),
        ),
    )
