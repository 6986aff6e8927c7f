"""One self-contained HTML page from the numbers of a noise study, and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from rewardsmith.report.numbers import decimal, known, part, percent
from rewardsmith.report.page import render_page
from rewardsmith.report.palette import light
from rewardsmith.report.study import tables
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line
from rewardsmith.studies.noise.findings import USABLE
from rewardsmith.studies.noise.methods import CLEAN, PLAIN
from rewardsmith.studies.noise.trainers import TRAINERS

CURVES = ("clean", "best", "plain")
COLOURS = {"clean": "axis", "best": "blue", "plain": "orange"}
DASHES = {"clean": [5, 4], "best": [1, 0], "plain": [1, 0]}
MAX_BARS = 14


def render_study_report(metrics: Mapping[str, Any]) -> str:
    """The report as one HTML document, from ``metrics.json`` alone."""
    kinds = list(dict.fromkeys(place["kind"] for place in metrics["places"] if place["rate"]))
    columns = tables.pool_columns(metrics)
    return render_page(
        "study.html.j2",
        metrics=metrics,
        title=metrics["title"],
        verdict=tables.verdict(metrics),
        kind_names=tables.KIND_NAMES,
        pool_names=tables.POOL_NAMES,
        columns=columns,
        rows=tables.method_rows(metrics, USABLE),
        chosen=tables.chosen_rows(metrics),
        gap_text=tables.gap_text,
        choice=TRAINERS[metrics["trainer"]].choice,
        curves=[figure for kind in kinds if (figure := curves_figure(metrics, kind))],
        shares=[figure for column in columns if (figure := shares_figure(metrics, column))],
        measured=tables.measured(metrics),
    )


def curves_figure(metrics: Mapping[str, Any], kind: str) -> Figure | None:
    """Accuracy against the rate of one kind of noise: clean labels, plain training, and the method that closes most."""
    places = [p for p in metrics["places"] if p["kind"] == kind]
    places = [p for p in metrics["places"] if p["kind"] == "none"] + places
    found = tables.best_in_hindsight(metrics, kind) or tables.best_in_hindsight(metrics, "all")
    if len(places) < 2 or found is None:
        return None
    best = found[0]
    arms = {"clean": CLEAN, "best": best, "plain": PLAIN}
    values = [
        {
            "rate": place["rate"],
            "accuracy": place["arms"][arm]["accuracy"],
            "curve": curve,
            "tip": f"{arm}, {percent(place['rate'])} noise: {decimal(place['arms'][arm]['accuracy'], 3)}",
        }
        for curve, arm in arms.items()
        for place in places
        if arm in place["arms"]
    ]

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            x=alt.X(
                "rate:Q",
                title="share of the training labels flipped",
                axis=alt.Axis(format=".0%", values=sorted({v["rate"] for v in values})),
            ),
            y=alt.Y("accuracy:Q", title="accuracy on untouched labels", scale=alt.Scale(zero=False)),
            color=alt.Color(
                "curve:N",
                scale=alt.Scale(domain=list(CURVES), range=[light(COLOURS[c]) for c in CURVES]),
                legend=None,
            ),
        )
        dash = alt.StrokeDash(
            "curve:N", scale=alt.Scale(domain=list(CURVES), range=[DASHES[c] for c in CURVES]), legend=None
        )
        lines = base.mark_line(strokeWidth=1.75, aria=False).encode(strokeDash=dash)
        dots = base.mark_point(filled=True, size=48, opacity=1).encode(description=TIP)
        return layered(lines, dots, height=canvas.choose(240, 210))

    share = part(metrics, "pools", kind, "methods", best, "share")
    words = tables.KIND_NAMES[kind]
    title = f"Noise of kind {words}: {best}"
    if share and known(share["value"]):
        title += f", best in hindsight, closes {percent(share['value'])} of the gap"
    return draw(
        f"curves-{kind}",
        title,
        f"Accuracy by rate of noise, kind {words}, for clean labels, plain training and {best}.",
        chart,
        "",
        (
            LegendEntry("dashed", "axis", "labels before noise was planted"),
            LegendEntry("line", "blue", f"{best}, the best in hindsight"),
            LegendEntry("line", "orange", "plain training"),
        ),
    )


def shares_figure(metrics: Mapping[str, Any], pool: str) -> Figure | None:
    """Share of the gap closed by each method that could be used, with its interval."""
    found = part(metrics, "pools", pool, "methods") or {}
    roles = tables.roles_of(metrics)
    values = [
        {
            "name": name,
            "value": row["share"]["value"],
            "low": row["share"]["low"] if known(row["share"]["low"]) else row["share"]["value"],
            "high": row["share"]["high"] if known(row["share"]["high"]) else row["share"]["value"],
            "role": roles[name],
            "tip": f"{name}: {tables.share_text(row)}",
        }
        for name, row in found.items()
        if roles.get(name) in USABLE and known(row["share"]["value"])
    ]
    values = sorted(values, key=lambda row: -row["value"])[:MAX_BARS]
    if not values:
        return None
    colours = {"ours": light("blue"), "rival": light("amber")}

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            y=alt.Y("name:N", title=None, sort=[row["name"] for row in values], axis=alt.Axis(labelLimit=190)),
            color=alt.Color("role:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None),
        )
        span = base.mark_rule(strokeWidth=2, aria=False).encode(alt.X("low:Q"), alt.X2("high:Q"))
        axis = alt.X("value:Q", title="share of the gap closed", axis=alt.Axis(format=".0%"))
        dots = base.mark_point(filled=True, size=60, opacity=1).encode(x=axis, description=TIP)
        return layered(reference_line(0, "x", "axis"), span, dots, height=alt.Step(24))

    best = values[0]
    name, share = best["name"], percent(best["value"])
    title = f"{tables.POOL_NAMES[pool].capitalize()}: in hindsight {name} closes most of the gap, {share}"
    return draw(
        f"shares-{pool}",
        title,
        f"Share of the gap closed by method. {title}.",
        chart,
        "Gains summed over the rates at which the gap exceeds twice its standard error, over the sum of the gaps; 95% "
        "intervals over test groups and seeds. Below zero, a method is worse than doing nothing.",
        (LegendEntry("dot", "blue", "ours"), LegendEntry("dot", "amber", "rivals")),
    )
