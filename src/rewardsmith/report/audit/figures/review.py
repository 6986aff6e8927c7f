"""The review curve: wrong labels found by how many pairs are read, in the audit's order, in others' and at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.metrics.planted import Planted, ReviewCurve, ReviewStep
from rewardsmith.report.audit.words.review import about, count_range, review_caption, review_sentence, times_range
from rewardsmith.report.numbers import count, decimal, percent
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

OTHERS = ("orange", "amber", "sky", "muted")
DASHES = {"orange": [6, 3], "amber": [2, 3], "sky": [8, 2, 2, 2], "muted": [4, 2]}
MOST_READ = 1000
"""Pairs, or the first ones times ten: as far as anybody reads by hand."""
SAME = 1e-6


def review_figure(planted: Planted, name: str, level: ClaimLevel) -> Figure | None:
    """None where nothing is to be found, or flips were not uniform.

    The axis counts wrong labels where labels are judged; elsewhere it is the share of them, which needs no count.
    """
    review = planted["review"]
    if review is None:
        return None
    in_counts = review["in_counts"]
    steps = [step for step in review["steps"] if step["num_read"] <= MOST_READ]
    methods = distinct_methods(review)
    colours = dict(zip(methods, OTHERS, strict=False))
    band = [_band(step, in_counts) for step in _from_nothing(steps)]
    lines = [
        {"read": step["num_read"], "value": found, "method": method, "colour": light(colours[method])}
        for method in colours
        for step, found in zip(_from_nothing(steps), [0.0, *methods[method]], strict=False)
    ]
    first = review["first"]
    found_first = about(first["found"]) if in_counts else percent(first["found"])
    label = f"{found_first} in the first {count(first['num_read'])}"

    def chart(canvas: Canvas) -> alt.LayerChart:
        x = alt.X(
            "read:Q",
            title="pairs read, most suspicious first",
            scale=alt.Scale(domain=[0, steps[-1]["num_read"]], nice=False),
            axis=alt.Axis(format=",d", tickCount=canvas.choose(10, 5)),
        )
        axis = alt.Axis(tickCount=5, format=",.2~f" if in_counts else ".0%")
        y = alt.Y("value:Q", title="wrong labels found" + ("" if in_counts else ", of all"), axis=axis)
        ours = marks_of(band).encode(x=x, y=y)
        area = ours.mark_area(opacity=0.16, color=light("blue"), aria=False).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
        line = ours.mark_line(color=light("blue"), strokeWidth=2.25, aria=False)
        dots = ours.mark_point(color=light("blue"), filled=True, size=22, opacity=1).encode(description=TIP)
        chance = ours.mark_line(color=light("axis"), strokeWidth=1.5, aria=False).encode(y=alt.Y("at_random:Q"))
        marked = ours.transform_filter(alt.datum.read == first["num_read"])
        ring = marked.mark_point(color=light("blue"), filled=True, size=90, opacity=1, aria=False)
        words = marked.mark_text(align="left", baseline="top", dx=6, fontSize=12.5, fontWeight=600, aria=False).encode(
            y=alt.value(2), text=alt.value(label), color=alt.value(light("ink"))
        )
        depth = reference_line(first["num_read"], "x", "rule")
        rivals = [_line([row for row in lines if row["method"] == method], x, y, colours[method]) for method in colours]
        return layered(depth, area, chance, *rivals, line, dots, ring, words, height=canvas.choose(300, 250))

    return draw(
        name,
        review_sentence(planted, level).rstrip("."),
        f"Wrong labels found by pairs read. {review_sentence(planted, level)}",
        chart,
        review_caption(review),
        (
            LegendEntry("line", "blue", "rewardsmith"),
            *(LegendEntry("dashed", colour, method) for method, colour in colours.items()),
            LegendEntry("line", "axis", "at random"),
        ),
    )


def distinct_methods(review: ReviewCurve) -> Mapping[str, Sequence[float]]:
    """Curves of other methods by name; those that are one curve (cleanlab ranks by the loss of one model) share it."""
    curves: list[tuple[list[str], list[float]]] = []
    for other in review["others"]:
        names = next((names for names, found in curves if _equal(found, other["found"])), None)
        if names is None:
            curves.append(([other["method"]], other["found"]))
        else:
            names.append(other["method"])
    return {", ".join(names): found for names, found in curves}


def review_rows(review: ReviewCurve) -> list[dict[str, str]]:
    """How deep to read: the first pairs, and a tenth, a fifth and a half of the list."""
    shares = {-(-review["num_pairs"] // parts) for parts in (10, 5, 2)}
    share = review["share_wrong"]
    wrong = 1.0 if share is None else review["num_pairs"] * share["value"]
    return [
        {
            "read": count(step["num_read"]),
            "share": percent(step["num_read"] / review["num_pairs"]),
            "found": about(step["found"]) if review["in_counts"] else "",
            "range": count_range(step["low"], step["high"]) if review["in_counts"] else "",
            "of_all": percent(step["found"] / wrong),
            "times": decimal(step["times_random"], 1),
            "times_range": times_range(step),
        }
        for step in review["steps"]
        if step["num_read"] in shares | {review["first"]["num_read"]}
    ]


def _line(rows: list[dict[str, Any]], x: alt.X, y: alt.Y, colour: str) -> alt.Chart:
    chart: alt.Chart = marks_of(rows).mark_line(
        color=light(colour), strokeWidth=1.5, strokeDash=DASHES[colour], aria=False
    )
    return chart.encode(x=x, y=y)


def _from_nothing(steps: Sequence[ReviewStep]) -> list[ReviewStep]:
    """The steps after one at which nothing has been read or found."""
    nothing: ReviewStep = {**steps[0], "num_read": 0, "found": 0.0, "low": 0.0, "high": 0.0, "at_random": 0.0}
    return [nothing, *steps]


def _band(step: ReviewStep, in_counts: bool) -> dict[str, Any]:
    """A step as the figure draws it."""
    low, high, value, chance = step["low"], step["high"], step["found"], step["at_random"]
    as_words = about if in_counts else percent
    span = "" if low is None or high is None else f" ({as_words(low)} to {as_words(high)})"
    return {
        "read": step["num_read"],
        "value": value,
        "low": value if low is None else low,
        "high": value if high is None else high,
        "at_random": chance,
        "tip": f"{count(step['num_read'])} read: {as_words(value)} found{span}; at random {as_words(chance)}",
    }


def _equal(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(abs(a - b) <= SAME * max(abs(a), 1.0) for a, b in zip(one, other, strict=True))
