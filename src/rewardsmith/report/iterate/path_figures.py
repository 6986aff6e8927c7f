"""Gold and proxy over how far a policy is from the first one: where they part, it over-optimises."""

from __future__ import annotations

from math import sqrt
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.iterate import IterateFindings
from rewardsmith.report.iterate.paths import peak_of, smooth_paths
from rewardsmith.report.iterate.words import gold_words, policy_of
from rewardsmith.report.numbers import decimal
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of

Floats = NDArray[np.float64]
Row = dict[str, Any]
HEIGHT = 230
NEAR = 0.07, 0.14
"""Shares of width and height within which rounds bear one label, since their own would lie on each other."""
ON_THE_WAY = "roll-outs on the way"


def path_figures(metrics: IterateFindings) -> list[Figure]:
    """Gold above, where there is one, and proxy below, over one axis: the square root of the KL to the first policy."""
    if not metrics["rounds"]:
        return []
    tests = _tests(metrics)
    paths = smooth_paths([each for each in metrics["rounds"] if each["path_from_first"]])
    ways = [_way(path.round, path.kls, {"gold": path.golds, "gain": path.gains}) for path in paths]
    furthest = max(row["x"] for rows in (tests, *ways) for row in rows)
    width = f", {paths[0].width} at a time" if paths else ""
    figures = []
    if all(row["gold"] is not None for row in tests):
        caption = f"Dots: mean gold on the test prompts, with 95% intervals.{_way_words(metrics, width)}"
        if peak := peak_of(smooth_paths(metrics["rounds"])):
            caption += (
                f" Highest on the way: {decimal(peak.gold)} in round {peak.round}, at roll-out {peak.at_rollout} of "
                f"{peak.num_rollouts}."
            )
        figures.append(_figure("gold", gold_finding(metrics), "blue", tests, ways, furthest, caption))
    caption = (
        "Dots: mean reward on the test prompts less that of the first policy's responses, by the reward model of the "
        f"round, in standard deviations of these.{_way_words(metrics, width)}"
    )
    figures.append(_figure("gain", gain_finding(metrics), "orange", tests, ways, furthest, caption))
    return figures


def gold_finding(metrics: IterateFindings) -> str:
    """Where mean gold on the test prompts is highest."""
    golds = [policy_of(metrics, number)["gold"]["value"] for number in range(len(metrics["rounds"]) + 1)]
    values = [gold for gold in golds if gold is not None]
    peak, last = int(np.argmax(values)), len(values) - 1
    first, end = decimal(values[0]), decimal(values[-1])
    if peak == last:
        return f"Gold goes from {first} to {end}, its highest, by the last round"
    if peak == 0:
        return f"Gold is highest for the first policy: {first}, and {end} for the last"
    return f"Gold goes from {first} to {decimal(values[peak])} after round {peak}, then to {end}"


def gain_finding(metrics: IterateFindings) -> str:
    """Where the reward that is learned from ends."""
    gains = [each["policy"]["reward_gap_first"] for each in metrics["rounds"]]
    side = "above" if gains[-1] >= 0 else "below"
    highest = ", its highest" if gains[-1] == max(0.0, *gains) else ""
    return f"The proxy reward ends {decimal(abs(gains[-1]), 1)} standard deviations {side} the first policy's{highest}"


def _tests(metrics: IterateFindings) -> list[Row]:
    """The policies on the test prompts, the first one first."""
    rows = []
    for number in range(len(metrics["rounds"]) + 1):
        policy = policy_of(metrics, number)
        gold, gain = policy["gold"], policy["reward_gap_first"]
        name = f"after round {number}" if number else "first policy"
        told = {"gold": f"gold {gold_words(policy)}", "gain": f"gain {decimal(gain, 1)} standard deviations"}
        rows.append(
            {
                "round": number,
                "x": _root(policy["kl"]),
                "gold": gold["value"],
                "gain": gain,
                "low": gold["low"],
                "high": gold["high"],
                "tips": {what: f"{name}: {words}, KL {decimal(policy['kl'], 1)} nats" for what, words in told.items()},
            }
        )
    return rows


def _way(number: int, kls: Floats, values: dict[str, Floats | None]) -> list[Row]:
    return [
        {"round": number, "order": order, "x": _root(kl)}
        | {what: None if found is None else float(found[order]) for what, found in values.items()}
        for order, kl in enumerate(kls)
    ]


def _root(kl: float) -> float:
    """An estimate of a KL may be negative where it is nearly 0."""
    return round(sqrt(max(float(kl), 0.0)), 4)


def _way_words(metrics: IterateFindings, width: str) -> str:
    """What the thin lines are, and of which rounds there are none."""
    shown = [each["round"] for each in metrics["rounds"] if each["path_from_first"]]
    others = len(metrics["rounds"]) - len(shown)
    if not others:
        return f" Thin lines: the {ON_THE_WAY}{width}."
    why = "the KL on the way is counted from another policy there"
    if not shown:
        return f" The {ON_THE_WAY} are not drawn: {why}."
    return f" Thin lines: the {ON_THE_WAY}{width}; of {others} rounds they are not drawn: {why}."


def _figure(
    what: str, finding: str, colour: str, tests: list[Row], ways: list[list[Row]], furthest: float, caption: str
) -> Figure:
    dots = [{**row, "y": row[what], "tip": row["tips"][what]} for row in tests]
    lines = [{**row, "y": row[what]} for way in ways for row in way if row[what] is not None]
    title = {"gold": "gold", "gain": "proxy reward, in standard deviations"}[what]

    def chart(canvas: Canvas) -> alt.LayerChart:
        x = alt.X(
            "x:Q",
            title="square root of the KL to the first policy",
            scale=alt.Scale(domain=[0, furthest], nice=True),
            axis=alt.Axis(tickCount=canvas.choose(8, 5)),
        )
        y = alt.Y("y:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5))
        base = marks_of(dots).encode(x=x, y=y)
        layers = [base.mark_line(strokeWidth=2, color=light(colour), aria=False).encode(order=alt.Order("round:Q"))]
        if lines:
            thin = marks_of(lines).mark_line(strokeWidth=1, color=light("muted"), opacity=0.7, aria=False)
            layers.insert(0, thin.encode(x=x, y=y, detail="round:N", order=alt.Order("order:Q")))
        if what == "gold":
            spans = marks_of([row for row in dots if row["low"] is not None])
            rule = spans.mark_rule(strokeWidth=1.5, color=light(colour), aria=False)
            layers.append(rule.encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q")))
        layers.append(base.mark_point(filled=True, size=64, opacity=1, color=light(colour)).encode(description=TIP))
        names = marks_of(_names(dots, furthest)).mark_text(
            align="left", dx=8, dy=-9, fontWeight="bold", color=light("ink"), aria=False
        )
        return layered(*layers, names.encode(x=x, y=y, text=alt.Text("name:N")), height=HEIGHT)

    legend = [LegendEntry("dot", colour, "first policy, and after each round")]
    if lines:
        legend.append(LegendEntry("line", "muted", ON_THE_WAY))
    said = f"{title} over the square root of the KL to the first policy. {finding}."
    return draw(f"path-{what}", finding, said, chart, caption, tuple(legend))


def _names(dots: list[Row], furthest: float) -> list[Row]:
    """Numbers of the rounds, at the upper right of those that follow each other nearby."""
    width, height = NEAR[0] * furthest, NEAR[1] * float(np.ptp([row["y"] for row in dots]))
    groups: list[list[Row]] = []
    for row in dots[1:]:
        own = [*(groups[-1] if groups else []), row]
        if np.ptp([one["x"] for one in own]) <= width and np.ptp([one["y"] for one in own]) <= height:
            groups[-1:] = [own]
        else:
            groups.append([row])
    return [
        {
            "x": max(row["x"] for row in own),
            "y": max(row["y"] for row in own),
            "name": str(own[0]["round"]) + (f" to {own[-1]['round']}" if len(own) > 1 else ""),
        }
        for own in groups
    ]
