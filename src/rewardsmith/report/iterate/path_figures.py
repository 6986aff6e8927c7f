"""Proxy and gold over how far the policy has moved: where they part, it over-optimises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any

import altair as alt
import numpy as np

from rewardsmith.contracts.metrics.iterate import IterateFindings, PathPoint, RoundNumbers
from rewardsmith.report.iterate.words import gold_words, policy_of
from rewardsmith.report.numbers import decimal
from rewardsmith.report.palette import light
from rewardsmith.report.svg import Canvas, Figure, LegendEntry, draw, layered, marks_of

COLOURS = ("blue", "orange", "amber", "sky", "muted")
"""Of the rounds, in turn; each line bears its number too."""
WINDOW = 5
"""Roll-outs that a point of a line is the mean of: single ones scatter."""
HEIGHT = 230


def path_figures(metrics: IterateFindings) -> list[Figure]:
    """Gold above, where there is one, and proxy below, over the same axis."""
    rounds = [each for each in metrics["rounds"] if each["path"]]
    if not rounds:
        return []
    golds = [row for each in rounds for row in _line(each, "gold", 0.0)]
    proxies = [row for each in rounds for row in _line(each, "reward", _start(metrics, each))]
    tests = list(_tests(metrics)) if metrics["reference"] == "sft" else []
    furthest = max(row["x"] for row in (*proxies, *tests))
    figures = []
    if golds:
        caption = f"Mean gold of the roll-outs, {WINDOW} at a time."
        if tests:
            caption += " Dots: the policies after each round on the test prompts, with 95% intervals."
        figures.append(_figure("gold", gold_finding(metrics), "gold", rounds, golds, tests, furthest, caption))
    zero = "round 1" if metrics["adapt"] == "none" else "the round: rewards of two models have no common zero"
    caption = (
        f"Mean reward of the roll-outs as the reward model of the round gives it, {WINDOW} at a time, less that at the "
        f"start of {zero}."
    )
    if metrics["reference"] == "last":
        caption += " Every round starts at 0: its distance is that to the policy of the round before."
    figures.append(_figure("proxy", proxy_finding(metrics), "proxy reward", rounds, proxies, [], furthest, caption))
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
        return f"Gold rises from {first} to {end} by the last round"
    if peak == 0:
        return f"Gold falls: {first} of the first policy, {end} of the last"
    return f"Gold rises from {first} to {decimal(values[peak])} after round {peak}, then falls to {end}"


def proxy_finding(metrics: IterateFindings) -> str:
    """In how many rounds the reward that is learned from rose."""
    rounds = [each["path"] for each in metrics["rounds"] if each["path"]]
    smooth = [_smooth([point["reward"] for point in path]) for path in rounds]
    rises = sum(line[-1] > line[0] for line in smooth)
    if rises == len(rounds):
        return "The proxy reward rises" + (" in every round" if rises > 1 else "")
    return f"The proxy reward rises in {rises} of {len(rounds)} rounds"


def _start(metrics: IterateFindings, each: RoundNumbers) -> float:
    """What a round's proxy is counted from; one model for all rounds has one zero."""
    path = metrics["rounds"][0]["path"] if metrics["adapt"] == "none" else each["path"]
    return float(_smooth([point["reward"] for point in path])[0])


def _line(each: RoundNumbers, what: str, start: float) -> list[dict[str, Any]]:
    """The smoothed path of a round; empty where a value is not known."""
    path: Sequence[PathPoint] = each["path"]
    values = [gold for point in path if (gold := point["gold"] if what == "gold" else point["reward"]) is not None]
    if len(values) < len(path):
        return []
    kls, smooth = _smooth([point["kl"] for point in path]), _smooth(values)
    return [
        {"round": str(each["round"]), "order": order, "x": _root(kl), "y": round(float(value) - start, 5)}
        for order, (kl, value) in enumerate(zip(kls, smooth, strict=True))
    ]


def _smooth(values: Sequence[float]) -> np.ndarray[Any, Any]:
    """Means of ``WINDOW`` neighbours."""
    width = min(WINDOW, len(values))
    return np.convolve(values, np.ones(width) / width, "valid")


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
            place = {"x": _root(policy["kl"]), "y": value, "low": low, "high": high}
            yield {"round": str(number), **place, "tip": tip}


def _figure(
    name: str,
    finding: str,
    what: str,
    rounds: Sequence[RoundNumbers],
    lines: Sequence[dict[str, Any]],
    tests: Sequence[dict[str, Any]],
    furthest: float,
    caption: str,
) -> Figure:
    colours = {str(each["round"]): COLOURS[i % len(COLOURS)] for i, each in enumerate(rounds)}
    ends = [max((row for row in lines if row["round"] == number), key=lambda row: row["order"]) for number in colours]

    def chart(canvas: Canvas) -> alt.LayerChart:
        x = alt.X(
            "x:Q",
            title="square root of KL",
            scale=alt.Scale(domain=[0, furthest], nice=True),
            axis=alt.Axis(tickCount=canvas.choose(8, 5)),
        )
        y = alt.Y("y:Q", title=what, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
        domain, shades = ["0", *colours], [light("muted"), *(light(colour) for colour in colours.values())]
        colour = alt.Color("round:N", scale=alt.Scale(domain=domain, range=shades), legend=None)
        layers = [
            marks_of(lines).mark_line(strokeWidth=2, aria=False).encode(x=x, y=y, color=colour, order="order:Q"),
            marks_of(ends)
            .mark_text(align="left", dx=4, dy=-10, fontWeight="bold", aria=False)
            .encode(x=x, y=y, color=colour, text="round:N"),
        ]
        if tests:
            base = marks_of(tests).encode(x=x, color=colour)
            layers.append(base.mark_rule(strokeWidth=1.5, opacity=0.7, aria=False).encode(y="low:Q", y2="high:Q"))
            dots = base.mark_point(filled=True, size=64, opacity=1)
            layers.append(dots.encode(y=y, description="tip:N"))
        return layered(*layers, height=HEIGHT)

    legend = tuple(LegendEntry("line", colour, f"round {number}") for number, colour in colours.items())
    return draw(f"path-{name}", finding, f"{what} over the square root of KL. {finding}.", chart, caption, legend)
