"""Figures of strength: its distribution, its spread, and the spread of 20 groups as in the paper's Fig. 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa

from rewardsmith.contracts.metrics.audit import StrengthBin
from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.metrics.ranking import rank_correlation
from rewardsmith.report.binning import (
    classes_of,
    grid,
    histogram_by_class,
    strength_columns,
)
from rewardsmith.report.numbers import count, decimal, known, pairs, percent
from rewardsmith.report.palette import CLASS_COLOURS, light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

SPREAD_GROWS = 1.1
"""The outer groups' spread counts as larger when it exceeds that of the calmest groups by this factor."""


def distribution_figure(strengths: pa.Table, share_negative: float | None) -> Figure | None:
    """Histogram of the mean gap, coloured by class."""
    mean, _, is_held_out = strength_columns(strengths)
    finite = mean[np.isfinite(mean)]
    if finite.size == 0:
        return None
    bins = histogram_by_class(mean, classes_of(strengths))
    names = [*STRENGTH_CLASSES, "no class"]
    values = []
    for k in range(bins.edges.size - 1):
        base, label = (
            0,
            f"{decimal(bins.edges[k])} to {decimal(bins.edges[k + 1])}: {pairs(int(bins.counts[:, k].sum()))}",
        )
        for c, name in enumerate(names):
            top = base + int(bins.counts[c, k])
            if top > base:
                values.append(
                    {"x0": bins.edges[k], "x1": bins.edges[k + 1], "y0": base, "y1": top, "class": name, "tip": label}
                )
            base = top
    shown = [n for c, n in enumerate(names) if bins.counts[c].any()]
    unclassed = "sky" if shown == ["no class"] else "axis"
    colours = [light(CLASS_COLOURS.get(name, unclassed)) for name in names]

    def chart(canvas: Canvas) -> alt.LayerChart:
        bars = (
            marks_of(values)
            .mark_bar(stroke=light("page"), strokeWidth=0.6)
            .encode(
                x=alt.X(
                    "x0:Q",
                    title="strength: mean gap of the judges (logits)",
                    axis=alt.Axis(tickCount=canvas.choose(10, 6)),
                ),
                x2=alt.X2("x1:Q"),
                y=alt.Y("y0:Q", title="pairs", axis=alt.Axis(tickCount=4, format="~s")),
                y2=alt.Y2("y1:Q"),
                color=alt.Color("class:N", scale=alt.Scale(domain=names, range=colours), legend=None),
                description=TIP,
            )
        )
        return layered(bars, reference_line(0.0, "x", "ink"), height=canvas.choose(270, 220))

    negative = share_negative if known(share_negative) else float((finite < 0).mean())
    whose = "the judges" if is_held_out else "even the models trained on them"
    title = f"{percent(negative)} of the labels go against {whose}"
    note = "" if is_held_out else " Strengths are in-sample: every member trained on every pair."
    if bins.num_outside:
        note += f" {pairs(bins.num_outside)} outside the range shown."
    return draw(
        "distribution",
        title,
        f"Histogram of strength for {pairs(finite.size)}: median {decimal(np.median(finite))} logits, "
        f"{percent(negative)} below zero.",
        chart,
        f"Left of the line, the judges on average prefer the rejected response.{note}",
        tuple(LegendEntry("square", CLASS_COLOURS.get(n, unclassed), n) for n in shown if shown != ["no class"]),
    )


def spread_figure(strengths: pa.Table) -> Figure | None:
    """Two-dimensional counts of strength against spread; depth of colour is the logarithm of the number of pairs."""
    mean, spread, _ = strength_columns(strengths)
    cells = grid(mean, spread, 84, 44)
    if cells.counts.sum() == 0:
        return None
    deepest = np.log1p(cells.counts.max())
    values = [
        {
            "x0": cells.x_edges[i],
            "x1": cells.x_edges[i + 1],
            "y0": cells.y_edges[j],
            "y1": cells.y_edges[j + 1],
            "depth": float(np.log1p(cells.counts[i, j]) / deepest),
            "tip": pairs(int(cells.counts[i, j])),
        }
        for i, j in np.argwhere(cells.counts > 0)
    ]

    def chart(canvas: Canvas) -> alt.LayerChart:
        squares = (
            marks_of(values)
            .mark_rect(color=light("blue"), aria=not canvas.is_narrow)
            .encode(
                x=alt.X(
                    "x0:Q",
                    title="strength: mean gap of the judges (logits)",
                    axis=alt.Axis(tickCount=canvas.choose(10, 6)),
                ),
                x2=alt.X2("x1:Q"),
                y=alt.Y("y0:Q", title="spread: standard deviation of the gap (logits)", axis=alt.Axis(tickCount=5)),
                y2=alt.Y2("y1:Q"),
                opacity=alt.Opacity("depth:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 1]), legend=None),
                description=TIP,
            )
        )
        return layered(squares, reference_line(0.0, "x", "ink"), height=canvas.choose(300, 240))

    rho = rank_correlation(np.abs(mean), spread)
    return draw(
        "spread",
        spread_finding(rho),
        f"Counts of pairs by strength and spread. Spearman correlation of spread with the size of the strength: "
        f"{decimal(rho)}.",
        chart,
        f"Fuller colour: more pairs (logarithmic). Spearman correlation of spread with the size of the strength: "
        f"{decimal(rho)}." + (f" {pairs(cells.num_outside)} outside the range shown." if cells.num_outside else ""),
    )


def spread_finding(rho: float | None) -> str:
    """What the correlation of spread with the size of the strength means, in words."""
    if rho is None:
        return "Strength against spread"
    if rho > 0.1:
        return "The larger the gap they see, the less the judges agree on its size"
    if rho < -0.1:
        return "The judges agree more, the stronger the preference"
    return "How far the judges disagree hardly depends on the strength"


def spread_by_group_figure(by_bin: Sequence[StrengthBin]) -> Figure | None:
    """Mean spread of 20 equal groups sorted by strength, out-of-fold and in-sample (paper Fig. 2)."""
    series = {
        "held out": [(b, b["strength_std"], b["strength_mean"]) for b in by_bin],
        "in-sample": [(b, b["strength_std_in_sample"], b["strength_mean_in_sample"]) for b in by_bin],
    }
    values: list[dict[str, Any]] = [
        {
            "group": b["bin"] + 1,
            "spread": std,
            "who": who,
            "tip": f"group {b['bin'] + 1}, {who}: spread {decimal(std)}, mean strength {decimal(mean)}, "
            f"{count(b['count'])} pairs",
        }
        for who, rows in series.items()
        for b, std, mean in rows
        if std is not None
    ]
    if not values:
        return None
    present = [who for who in series if any(v["who"] == who for v in values)]
    colours = {"held out": light("blue"), "in-sample": light("orange")}

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            x=alt.X(
                "group:Q",
                title="group of pairs, weakest (1) to strongest (20)",
                scale=alt.Scale(domain=[0.5, 20.5], nice=False),
                axis=alt.Axis(values=[1, 5, 10, 15, 20], format="d"),
            ),
            y=alt.Y(
                "spread:Q",
                title="mean spread (logits)",
                scale=alt.Scale(zero=True),
                axis=alt.Axis(tickCount=4),
            ),
            color=alt.Color("who:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None),
        )
        dash = alt.StrokeDash("who:N", scale=alt.Scale(domain=list(colours), range=[[1, 0], [5, 4]]), legend=None)
        lines = base.mark_line(strokeWidth=1.75, aria=False).encode(strokeDash=dash)
        dots = base.mark_point(filled=True, size=44, opacity=1).encode(description=TIP)
        return layered(lines, dots, height=canvas.choose(240, 210))

    held_out = [v["spread"] for v in values if v["who"] == present[0]]
    legend = {
        "held out": LegendEntry("line", "blue", "judges that never saw the pair"),
        "in-sample": LegendEntry("dashed", "orange", "members trained on it, as in the paper"),
    }
    return draw(
        "spread-by-group",
        group_finding(held_out),
        f"Mean spread of {len(held_out)} groups sorted by strength: {decimal(held_out[0])} in the weakest, "
        f"{decimal(min(held_out))} at the lowest, {decimal(held_out[-1])} in the strongest.",
        chart,
        "Pairs sorted by strength and cut into 20 equal groups. The paper (Fig. 2) finds a U: models disagree most on "
        "labels that they oppose and on very strong pairs.",
        tuple(legend[who] for who in present),
    )


def group_finding(spreads: Sequence[float]) -> str:
    """Whether the spread rises at the weak end, at the strong end, or both."""
    if len(spreads) < 8:
        return "Spread by strength"
    calm = float(np.mean(sorted(spreads)[: max(2, len(spreads) // 5)]))
    weak, strong = (float(np.mean(ends)) > SPREAD_GROWS * calm for ends in (spreads[:2], spreads[-2:]))
    if weak and strong:
        return "Disagreement is largest at both ends, the U of the paper"
    if strong:
        return "Disagreement grows towards the strong pairs; the rise at the weak end is missing"
    if weak:
        return "Disagreement is largest on the pairs whose labels the judges oppose"
    return "Disagreement is much the same in all groups"
