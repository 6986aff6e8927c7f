"""Gold of the best of n responses: by the rewards, by another model's, and by gold itself."""

from __future__ import annotations

from typing import Any

import altair as alt

from rewardsmith.contracts.metrics.evaluate import ComparedSamples, SampleNumbers
from rewardsmith.report.choices.words import sample_finding
from rewardsmith.report.numbers import count, decimal
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of

CAPTION = (
    "Mean gold of the best of n responses to a prompt, over all draws of n from those that are there. Up to the grey "
    "line is what the rewards miss; where a line falls, a policy that follows the rewards further would lose."
)
COLOURS = {"this model": "blue", "the other": "orange", "gold itself": "muted"}


def best_of_n_figure(
    numbers: SampleNumbers, other: ComparedSamples | None = None, name: str = "best-of-n"
) -> Figure | None:
    """None without gold."""
    if not numbers["num_gold_prompts"] or len(numbers["best_of_n"]) < 2:
        return None
    own = _rows("this model", numbers)
    rows = [*own, *(_rows("the other", other) if other else []), *_possible(numbers)]
    there = {row["whose"] for row in rows}

    def chart(canvas: Canvas) -> alt.LayerChart:
        ticks = [row["n"] for row in own if row["n"] & (row["n"] - 1) == 0]
        x = alt.X("n:Q", title="n", scale=alt.Scale(type="log", base=2), axis=alt.Axis(values=ticks, format="d"))
        y = alt.Y("gold:Q", title="gold of the best of n", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
        colour = alt.Color(
            "whose:N", scale=alt.Scale(domain=list(COLOURS), range=[light(c) for c in COLOURS.values()]), legend=None
        )
        band = marks_of([row for row in own if row["low"] is not None])
        return layered(
            band.mark_area(opacity=0.16, color=light("blue"), aria=False).encode(
                x=x, y=alt.Y("low:Q", scale=alt.Scale(zero=False)), y2=alt.Y2("high:Q")
            ),
            marks_of(rows).mark_line(strokeWidth=2, aria=False).encode(x=x, y=y, color=colour),
            marks_of([row for row in rows if row["n"] in ticks])
            .mark_point(filled=True, size=40, opacity=1)
            .encode(x=x, y=y, color=colour, description=TIP),
            height=canvas.choose(260, 220),
        )

    finding = sample_finding(numbers)
    legend = tuple(LegendEntry("line", colour, whose) for whose, colour in COLOURS.items() if whose in there)
    return draw(name, finding, f"Gold of the best of n responses. {finding}.", chart, CAPTION, legend)


def _rows(whose: str, numbers: SampleNumbers) -> list[dict[str, Any]]:
    return [
        {
            "whose": whose,
            "n": best["n"],
            "gold": best["gold"]["value"],
            "low": best["gold"]["low"],
            "high": best["gold"]["high"],
            "tip": f"best of {count(best['n'])} by {whose}: gold {decimal(best['gold']['value'], 3)}",
        }
        for best in numbers["best_of_n"]
    ]


def _possible(numbers: SampleNumbers) -> list[dict[str, Any]]:
    return [
        {
            "whose": "gold itself",
            "n": best["n"],
            "gold": best["gold_possible"],
            "low": None,
            "high": None,
            "tip": f"the best of {count(best['n'])} there is: gold {decimal(best['gold_possible'], 3)}",
        }
        for best in numbers["best_of_n"]
    ]
