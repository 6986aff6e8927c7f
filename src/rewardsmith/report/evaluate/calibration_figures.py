"""The reliability diagram of a reward model: what it promises against what the labels keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from rewardsmith.contracts.metrics.evaluate import Calibration, ReliabilityBin
from rewardsmith.report.evaluate.words import calibration_finding
from rewardsmith.report.numbers import count, percent, percent_range
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of

COIN_FLIP = 0.5


@dataclass(frozen=True)
class GapForm:
    """How one form of the gaps is drawn."""

    words: str
    colour: str
    dash: list[int]
    mark: Literal["line", "dashed"]


Form = Literal["as_they_are", "at_temperature"]
FORMS: dict[Form, GapForm] = {
    "as_they_are": GapForm("the gaps as they are", "orange", [1, 0], "line"),
    "at_temperature": GapForm("divided by the temperature of other prompts", "blue", [5, 4], "dashed"),
}


def reliability_figure(metrics: Calibration) -> Figure | None:
    """Share of labels that agree by promised share, as they are and at the fitted temperature."""
    tables = {form: metrics["reliability"][form] or [] for form in FORMS}
    values = [row for form, rows in tables.items() for row in figure_rows(rows, form)]
    if not tables["as_they_are"]:
        return None
    lowest = min(COIN_FLIP, *(row["low"] for row in values))

    def chart(canvas: Canvas) -> alt.LayerChart:
        shares = alt.Scale(domain=[lowest, 1], zero=False)
        base = marks_of(values).encode(
            x=alt.X(
                "confidence:Q",
                title="share of agreeing labels that the rewards promise",
                scale=alt.Scale(domain=[COIN_FLIP, 1]),
                axis=alt.Axis(format=".0%", tickCount=canvas.choose(6, 4)),
            ),
            y=alt.Y(
                "agreement:Q",
                title="share of labels that agree",
                scale=shares,
                axis=alt.Axis(format=".0%", tickCount=6),
            ),
            color=alt.Color(
                "form:N",
                scale=alt.Scale(domain=list(FORMS), range=[light(form.colour) for form in FORMS.values()]),
                legend=None,
            ),
        )
        dash = alt.StrokeDash(
            "form:N", scale=alt.Scale(domain=list(FORMS), range=[form.dash for form in FORMS.values()]), legend=None
        )
        diagonal = (
            marks_of([{"confidence": at, "agreement": at} for at in (COIN_FLIP, 1)])
            .mark_line(color=light("axis"), strokeWidth=1, aria=False)
            .encode(x=alt.X("confidence:Q"), y=alt.Y("agreement:Q", scale=shares))
        )
        whiskers = base.mark_rule(strokeWidth=1.25, opacity=0.6, aria=False).encode(
            y=alt.Y("low:Q", scale=shares), y2=alt.Y2("high:Q")
        )
        lines = base.mark_line(strokeWidth=1.75, aria=False).encode(strokeDash=dash)
        dots = base.mark_point(filled=True, size=48, opacity=1).encode(description=TIP)
        return layered(diagonal, whiskers, lines, dots, height=canvas.choose(320, 280))

    finding = calibration_finding(metrics)
    legend = tuple(LegendEntry(form.mark, form.colour, form.words) for name, form in FORMS.items() if tables[name])
    return draw(
        "reliability",
        finding,
        f"Reliability diagram: promised against found agreement with the labels in bins of equal size. {finding}.",
        chart,
        "Each dot is a bin of about as many pairs, turned to the response that the rewards prefer; the bars are 95% "
        "intervals over prompts. On the grey line the rewards keep what they promise; below it they promise too much.",
        legend,
    )


def figure_rows(rows: Sequence[ReliabilityBin], form: Form) -> list[dict[str, Any]]:
    """The bins of one form of the gaps, as the figure draws them; without an interval a bin has no bar."""
    drawn = []
    for row in rows:
        low, high = row["agreement_ci_low"], row["agreement_ci_high"]
        promised, found = row["confidence"], row["agreement"]
        drawn.append(
            {
                "form": form,
                "confidence": promised,
                "agreement": found,
                "low": found if low is None else low,
                "high": found if high is None else high,
                "tip": f"{FORMS[form].words}: promised {percent(promised)}, found {percent(found)} "
                f"({percent_range(low, high)}), {count(row['count'])} pairs",
            }
        )
    return drawn
