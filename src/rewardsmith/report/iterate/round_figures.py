"""Rounds beside each other: who wins, whether the reward model is right, and how far apart it puts responses."""

from __future__ import annotations

from typing import Any

import altair as alt

from rewardsmith.contracts.metrics.iterate import IterateFindings, RewardModelNumbers
from rewardsmith.report.iterate.tables import match_rows
from rewardsmith.report.iterate.words import rate_words, share_words
from rewardsmith.report.numbers import decimal, percent
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

OUTCOMES = {"win": "blue", "tie": "axis", "lose": "orange"}
WHOSE = {"what the newest policy writes": "blue", "what the first policy writes": "axis"}
ROW = 26
"""Height of a bar and the space around it."""


def match_figure(metrics: IterateFindings) -> Figure | None:
    """Wins, ties and losses of every round against the first policy, and of the best one against round 1."""
    rows = match_rows(metrics)
    if not rows:
        return None
    values: list[dict[str, Any]] = []
    for row in rows:
        end = 0.0
        for outcome in OUTCOMES:
            share: float = row.match[outcome]  # type: ignore[literal-required]
            tip = f"{row.name}: {outcome} {percent(share)}"
            values.append({"name": row.name, "outcome": outcome, "from": end, "to": end + share, "tip": tip})
            end += share

    def chart(canvas: Canvas) -> alt.LayerChart:
        names = alt.Y("name:N", title=None, sort=[row.name for row in rows], axis=_names(canvas))
        bars = marks_of(values).mark_bar(height=ROW - 10)
        axis = alt.Axis(format=".0%", tickCount=5)
        shares = alt.X("from:Q", title="share of meetings", scale=alt.Scale(domain=[0, 1]), axis=axis)
        drawn = bars.encode(x=shares, x2=alt.X2("to:Q"), y=names, color=_colours("outcome", OUTCOMES), description=TIP)
        return layered(drawn, reference_line(0.5, "x", "muted"), height=alt.Step(ROW))

    finding = match_finding(metrics)
    legend = tuple(LegendEntry("square", colour, outcome) for outcome, colour in OUTCOMES.items())
    return draw("matches", finding, f"Wins, ties and losses. {finding}.", chart, "", legend)


def match_finding(metrics: IterateFindings) -> str:
    """Whose win rate is highest."""
    rated = [(each["round"], match) for each in metrics["rounds"] if (match := each["policy"]["against_first"])]
    number, match = max(rated, key=lambda one: one[1]["rate"]["value"])
    said = f"Round {number} wins" if len(rated) == 1 else f"Round {number} wins most, with"
    return f"{said} {rate_words(match)} against the first policy, ties half"


def accuracy_figure(metrics: IterateFindings) -> Figure | None:
    """How often the reward model of each round prefers what gold prefers, of two responses of the policy."""
    models = {f"round {each['round']}": each["reward_model"] for each in metrics["rounds"]}
    values = [
        {"name": name, "value": share["value"], "low": share["low"], "high": share["high"], "tip": _tip(name, model)}
        for name, model in models.items()
        if (share := model["gold_accuracy"])["value"] is not None
    ]
    if not values:
        return None

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(y=alt.Y("name:N", title=None, sort=list(models), axis=_names(canvas)))
        share = alt.X(
            "value:Q",
            title="share of pairs that the reward model has right",
            scale=alt.Scale(zero=False),
            axis=alt.Axis(format=".0%", tickCount=canvas.choose(8, 5)),
        )
        spans = base.mark_rule(strokeWidth=2, color=light("blue"), aria=False).encode(alt.X("low:Q"), alt.X2("high:Q"))
        dots = base.mark_point(filled=True, size=60, opacity=1, color=light("blue"))
        shown = dots.encode(x=share, description=TIP)
        return layered(reference_line(0.5, "x", "axis"), spans, shown, height=alt.Step(ROW))

    finding = accuracy_finding(metrics)
    caption = "Of two of its responses to one prompt, by gold; 95% intervals over prompts. A coin flip gives 50%."
    return draw("accuracy", finding, f"Accuracy of the reward models. {finding}.", chart, caption)


def accuracy_finding(metrics: IterateFindings) -> str:
    """From the first round to the last."""
    first, last = (metrics["rounds"][end]["reward_model"]["gold_accuracy"] for end in (0, -1))
    if len(metrics["rounds"]) == 1:
        return f"On what the first policy writes the reward model is right {share_words(first)} of the time"
    return (
        f"On what the policy writes the reward model is right {percent(first['value'])} of the time in round 1 and "
        f"{percent(last['value'])} in round {len(metrics['rounds'])}"
    )


def gap_figure(metrics: IterateFindings) -> Figure | None:
    """Distances of the rewards of two responses to a prompt, on the newest policy's and on the first's."""
    values = []
    for each in metrics["rounds"]:
        model = each["reward_model"]
        if not model["spread_first"]:
            continue
        for whose, quantiles in zip(WHOSE, (model["gap_quantiles_here"], model["gap_quantiles_first"]), strict=True):
            low, quarter, median, three, high = (gap / model["spread_first"] for gap in quantiles)
            place = {"name": f"round {each['round']}", "whose": whose}
            ends = {"low": low, "quarter": quarter, "median": median, "three": three, "high": high}
            tip = f"round {each['round']}, {whose}: half from {decimal(quarter)} to {decimal(three)}"
            values.append({**place, **ends, "tip": tip})
    if not values:
        return None

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            y=alt.Y("name:N", title=None, axis=_names(canvas), scale=alt.Scale(paddingInner=0.3)),
            yOffset=alt.YOffset("whose:N", sort=list(WHOSE)),
            color=_colours("whose", WHOSE),
        )
        title = "distance of two rewards, in spreads"
        gaps = alt.X("low:Q", title=title, scale=alt.Scale(domainMin=0), axis=alt.Axis(tickCount=canvas.choose(8, 5)))
        whole = base.mark_rule(strokeWidth=1.25, aria=False).encode(x=gaps, x2=alt.X2("high:Q"))
        middle = base.mark_bar(height=8).encode(x=alt.X("quarter:Q"), x2=alt.X2("three:Q"), description=TIP)
        ticks = base.mark_tick(thickness=2, size=14, aria=False)
        medians = ticks.encode(x=alt.X("median:Q"), color=alt.value(light("ink")))
        return layered(whole, middle, medians, height=len(values) * 22)

    finding = gap_finding(metrics)
    caption = (
        "Lines: from the 5th to the 95th percentile of all pairs of responses to a prompt; bars: the middle half; "
        "ticks: the median. The unit is the spread within a prompt that the round's own reward model sees on the first "
        "policy's responses, so its scale does not matter. Round 1 begins with that policy."
    )
    legend = tuple(LegendEntry("square", colour, whose) for whose, colour in WHOSE.items())
    return draw("gaps", finding, f"Differences of rewards by round. {finding}.", chart, caption, legend)


def gap_finding(metrics: IterateFindings) -> str:
    """Whether the last reward model still tells the policy's responses apart."""
    number, model = metrics["rounds"][-1]["round"], metrics["rounds"][-1]["reward_model"]
    if number == 1 or not model["spread_first"]:
        return "How far apart the rewards of two responses lie"
    ratio = decimal(model["spread_here"] / model["spread_first"])
    return f"In round {number} rewards spread {ratio} times as far as on the first policy's responses"


def _tip(name: str, model: RewardModelNumbers) -> str:
    return f"{name}: {share_words(model['gold_accuracy'])} of {model['num_gold_pairs']:,} pairs"


def _names(canvas: Canvas) -> alt.Axis:
    return alt.Axis(labelLimit=320, labelFontSize=canvas.choose(12, 11), domain=False, ticks=False)


def _colours(field: str, shades: dict[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(shades), range=[light(colour) for colour in shades.values()])
    return alt.Color(f"{field}:N", scale=scale, legend=None)
