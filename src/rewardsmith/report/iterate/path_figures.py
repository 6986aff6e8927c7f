"""Proxy and gold over how far the policy has moved: where they part, it over-optimises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any, Literal

import altair as alt
import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.iterate import IterateFindings
from rewardsmith.report.iterate.paths import SmoothPath, peak_of, smooth_paths
from rewardsmith.report.iterate.words import gold_words, policy_of
from rewardsmith.report.numbers import decimal
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of

COLOURS = ("blue", "orange", "amber", "sky", "muted")
"""Of the rounds, in turn, dashed from the sixth on; each line bears its number too."""
Shape = Literal["line", "dashed"]
DASHES: dict[Shape, list[int]] = {"line": [1, 0], "dashed": [5, 3]}
HEIGHT = 230


def path_figures(metrics: IterateFindings) -> list[Figure]:
    """Gold above, where there is one, and proxy below, over the same axis."""
    paths = smooth_paths(metrics["rounds"])
    if not paths:
        return []
    tests = list(_tests(metrics)) if metrics["reference"] == "sft" else []
    furthest = max([float(path.kls.max()) for path in paths] + [test["kl"] for test in tests])
    figures = []
    lines = [row for path in paths if path.golds is not None for row in _line(path, path.golds)]
    if all(path.golds is not None for path in paths):
        caption = f"Mean gold of the roll-outs, {paths[0].width} at a time."
        if peak := peak_of(paths):
            caption += (
                f" Highest on the way: {decimal(peak.gold)} in round {peak.round}, at roll-out {peak.at_rollout} of "
                f"{peak.num_rollouts}."
            )
        if tests:
            caption += " Dots: the policies after each round on the test prompts, with 95% intervals."
        figures.append(_figure("gold", gold_finding(metrics), "gold", lines, tests, furthest, caption))
    zero = "round 1" if metrics["adapt"] == "none" else "the round: rewards of two models have no common zero"
    caption = (
        f"Mean reward of the roll-outs as the reward model of the round gives it, {paths[0].width} at a time, less "
        f"that at the start of {zero}."
    )
    if metrics["reference"] == "last":
        caption += " Every round starts at 0: its distance is that to the policy of the round before."
    zeros = [paths[0] if metrics["adapt"] == "none" else path for path in paths]
    lines = [
        row for path, start in zip(paths, zeros, strict=True) for row in _line(path, path.rewards - start.rewards[0])
    ]
    figures.append(_figure("proxy", proxy_finding(paths), "proxy reward", lines, [], furthest, caption))
    return figures


def gold_finding(metrics: IterateFindings) -> str:
    """Where mean gold on the test prompts is highest."""
    golds = [policy_of(metrics, number)["gold"]["value"] for number in range(len(metrics["rounds"]) + 1)]
    values = [gold for gold in golds if gold is not None]
    if len(values) < len(golds):
        return "Gold along the way"
    peak, last = int(np.argmax(values)), len(values) - 1
    first, end = decimal(values[0]), decimal(values[-1])
    if peak == last:
        return f"Gold goes from {first} to {end}, its highest, by the last round"
    if peak == 0:
        return f"Gold is highest for the first policy: {first}, and {end} for the last"
    return f"Gold goes from {first} to {decimal(values[peak])} after round {peak}, then to {end}"


def proxy_finding(paths: Sequence[SmoothPath]) -> str:
    """In how many rounds the reward that is learned from rose."""
    rises = sum(path.rewards[-1] > path.rewards[0] for path in paths)
    if rises == len(paths):
        return "The proxy reward rises" + (" in every round" if rises > 1 else "")
    return f"The proxy reward rises in {rises} of {len(paths)} rounds"


def _line(path: SmoothPath, values: NDArray[np.float64]) -> list[dict[str, Any]]:
    return [
        {"round": str(path.round), "order": order, "x": _root(kl), "y": round(float(value), 5)}
        for order, (kl, value) in enumerate(zip(path.kls, values, strict=True))
    ]


def _root(kl: float) -> float:
    """An estimate of a KL may be negative where it is nearly 0."""
    return round(sqrt(max(float(kl), 0.0)), 4)


def _tests(metrics: IterateFindings) -> Iterator[dict[str, Any]]:
    """The policies on the test prompts."""
    for number in range(len(metrics["rounds"]) + 1):
        policy = policy_of(metrics, number)
        gold = policy["gold"]
        if (value := gold["value"]) is not None:
            low, high = (value if end is None else end for end in (gold["low"], gold["high"]))
            name = f"after round {number}" if number else "first policy"
            tip = f"{name}: gold {gold_words(policy)}, KL {decimal(policy['kl'], 1)} nats"
            place = {"kl": policy["kl"], "x": _root(policy["kl"]), "y": value, "low": low, "high": high}
            yield {"round": str(number), **place, "tip": tip}


def _figure(
    name: str,
    finding: str,
    what: str,
    lines: Sequence[dict[str, Any]],
    tests: Sequence[dict[str, Any]],
    furthest: float,
    caption: str,
) -> Figure:
    ends = {row["round"]: row for row in lines}
    colours = {number: COLOURS[i % len(COLOURS)] for i, number in enumerate(ends)}
    shapes: list[Shape] = ["line" if i < len(COLOURS) else "dashed" for i in range(len(ends))]

    def chart(canvas: Canvas) -> alt.LayerChart:
        x = alt.X(
            "x:Q",
            title="square root of KL",
            scale=alt.Scale(domain=[0, _root(furthest)], nice=True),
            axis=alt.Axis(tickCount=canvas.choose(8, 5)),
        )
        y = alt.Y("y:Q", title=what, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
        domain, shades = ["0", *colours], [light("muted"), *(light(colour) for colour in colours.values())]
        colour = alt.Color("round:N", scale=alt.Scale(domain=domain, range=shades), legend=None)
        dashes = alt.Scale(domain=list(colours), range=[DASHES[shape] for shape in shapes])
        dash = alt.StrokeDash("round:N", scale=dashes, legend=None)
        line = marks_of(lines).mark_line(strokeWidth=2, aria=False)
        layers = [
            line.encode(x=x, y=y, color=colour, strokeDash=dash, order=alt.Order("order:Q")),
            marks_of([*ends.values()])
            .mark_text(align="left", dx=4, dy=-10, fontWeight="bold", aria=False)
            .encode(x=x, y=y, color=colour, text=alt.Text("round:N")),
        ]
        if tests:
            base = marks_of(tests).encode(x=x, color=colour)
            layers.append(
                base.mark_rule(strokeWidth=1.5, opacity=0.7, aria=False).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
            )
            dots = base.mark_point(filled=True, size=64, opacity=1)
            layers.append(dots.encode(y=y, description=TIP))
        return layered(*layers, height=HEIGHT)

    legend = tuple(
        LegendEntry(shape, colour, f"round {number}")
        for shape, (number, colour) in zip(shapes, colours.items(), strict=True)
    )
    return draw(f"path-{name}", finding, f"{what} over the square root of KL. {finding}.", chart, caption, legend)
