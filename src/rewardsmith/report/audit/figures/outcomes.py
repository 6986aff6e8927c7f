"""Figures of what the audit can do: planted flips found, strength against length, the accuracy attainable."""

from __future__ import annotations

from typing import Any, Literal

import altair as alt

from rewardsmith.contracts.metrics.audit import Accuracy, AuditMetrics, LengthNumbers
from rewardsmith.contracts.metrics.parts import EstimateNumbers, Range
from rewardsmith.contracts.metrics.planted import AtThreshold, Planted
from rewardsmith.report.numbers import count, decimal, decimal_range, percent, percent_range
from rewardsmith.report.palette import light
from rewardsmith.report.svg import TIP, Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

COIN_FLIP = 0.5


def planted_figure(planted: Planted, name: str) -> Figure | None:
    """Precision and recall of one kind of planted flips by threshold, with their intervals."""
    both: tuple[Literal["precision", "recall"], ...] = ("precision", "recall")
    values = [
        found for row in planted["by_threshold"] for what in both if (found := threshold_row(row, what)) is not None
    ]
    if not values:
        return None
    colours = {"precision": light("blue"), "recall": light("orange")}

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            x=alt.X(
                "threshold:Q",
                title="a label is flagged when its p_wrong is above",
                axis=alt.Axis(format="~g", values=sorted({v["threshold"] for v in values})),
                scale=alt.Scale(zero=False, nice=False, padding=8),
            ),
            y=alt.Y(
                "value:Q",
                title="share",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", values=[0, 0.25, 0.5, 0.75, 1]),
            ),
            color=alt.Color("what:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None),
        )
        dash = alt.StrokeDash("what:N", scale=alt.Scale(domain=list(colours), range=[[1, 0], [5, 4]]), legend=None)
        band = base.mark_area(opacity=0.16, aria=False).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
        lines = base.mark_line(strokeWidth=1.75, aria=False).encode(strokeDash=dash)
        dots = base.mark_point(filled=True, size=44, opacity=1).encode(description=TIP)
        return layered(band, lines, dots, height=canvas.choose(250, 210))

    title = planted_finding(planted)
    return draw(
        name,
        title,
        f"Precision and recall of planted flips by threshold. {title}.",
        chart,
        planted_caption(planted),
        (
            LegendEntry("line", "blue", "precision: flagged pairs that are planted flips"),
            LegendEntry("dashed", "orange", "recall: planted flips that are flagged"),
        ),
    )


def threshold_row(row: AtThreshold, what: Literal["precision", "recall"]) -> dict[str, Any] | None:
    """Precision or recall at one threshold, as the figure draws it; None where it is not defined."""
    if row[what] is None:
        return None
    if what == "precision":
        low, high = row["precision_low"], row["precision_high"]
    else:
        low, high = row["recall_low"], row["recall_high"]
    return {
        "threshold": row["threshold"],
        "value": row[what],
        "low": low,
        "high": high,
        "what": what,
        "tip": f"flag at {decimal(row['threshold'])}: {what} {percent(row[what])} "
        f"({percent_range(low, high)}), {count(row['num_flagged'])} flagged",
    }


def row_at_half(planted: Planted) -> AtThreshold | None:
    """The threshold nearest to one half of those at which something was flagged."""
    rows = [r for r in planted["by_threshold"] if r["precision"] is not None and r["recall"] is not None]
    return min(rows, key=lambda r: abs(r["threshold"] - 0.5)) if rows else None


def planted_caption(planted: Planted) -> str:
    """The limits of the measurement, the precision to expect on the set itself, and the check of the noise estimate."""
    words = [planted["limits"]]
    row = row_at_half(planted)
    if row and row["precision_at_natural_rate"] is not None:
        words.append(
            f"Reweighted to the set's own estimated share of wrong labels, precision at {decimal(row['threshold'])} "
            f"is {percent(row['precision_at_natural_rate'])}."
        )
    expected, found = planted["noise_expected"], planted["noise_found"]
    if expected is not None and found is not None:
        words.append(
            f"With these flips, {percent(expected)} of the labels should be wrong; the audit estimates "
            f"{percent(found['value'])} ({percent_range(found['low'], found['high'])})."
        )
    return " ".join(words)


def planted_finding(planted: Planted) -> str:
    """Precision and recall at the threshold nearest to one half, in words."""
    row = row_at_half(planted)
    if row is None:
        return "How well planted flips are found"
    return (
        f"Flagging at {decimal(row['threshold'])} finds {percent(row['recall'])} of the flips, "
        f"and {percent(row['precision'])} of what it flags are flips"
    )


def length_figure(length: LengthNumbers | None) -> Figure | None:
    """Mean strength by difference of length: is it only length?"""
    if length is None:
        return None
    values = [
        {
            "difference": b["length_difference"],
            "strength": b["strength_mean"],
            "count": float(b["count"]),
            "tip": f"difference {decimal(b['length_difference'], 0)}: strength {decimal(b['strength_mean'])}, "
            f"{count(b['count'])} pairs",
        }
        for b in length["bins"]
    ]

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            x=alt.X(
                "difference:Q",
                title="length of chosen minus length of rejected (characters)",
                axis=alt.Axis(tickCount=canvas.choose(9, 5)),
            ),
            y=alt.Y("strength:Q", title="mean strength (logits)", axis=alt.Axis(tickCount=5)),
        )
        line = base.mark_line(color=light("blue"), strokeWidth=1.5, opacity=0.5, aria=False)
        dots = base.mark_point(color=light("blue"), filled=True, opacity=1).encode(
            size=alt.Size("count:Q", scale=alt.Scale(range=[15, 130], domainMin=0), legend=None), description=TIP
        )
        layers = [reference_line(0.0, "x", "rule"), reference_line(0.0, "y", "axis"), line, dots]
        return layered(*layers, height=canvas.choose(240, 210))

    rho = length["spearman"]
    caption = "Larger dots hold more pairs."
    if rho is not None:
        caption += f" Spearman correlation of strength with the difference of length: {decimal(rho)}."
    caption += f" The longer response was chosen in {percent(length['longer_preferred_share'])} of the pairs."
    return draw("length", length_finding(rho), f"Mean strength by length difference. {caption}", chart, caption)


def length_finding(rho: float | None) -> str:
    """How much of the strength goes with length, in words."""
    if rho is None:
        return "Strength by difference of length"
    longer = "longer" if rho > 0 else "shorter"
    if abs(rho) < 0.1:
        return "Strength has little to do with length"
    if abs(rho) < 0.3:
        return f"{longer.capitalize()} responses look somewhat stronger, but it is not only length"
    if abs(rho) < 0.6:
        return f"A good part of the strength goes to {longer} responses"
    return f"Strength is mostly length: {longer} responses win"


def accuracy_rows(accuracy: Accuracy) -> list[dict[str, Any]]:
    """The rows of the accuracy picture, top to bottom; what was not measured is left out."""
    seen = accuracy["in_sample"]
    in_sample: EstimateNumbers | None = None if seen is None else {"value": seen, "low": None, "high": None}
    best = accuracy["attainable"]
    attainable: Range | None = None
    if best and best["value"] is not None:
        attainable = {"value": best["value"], "low": best["low"], "high": best["high"]}
    rows: tuple[tuple[str, EstimateNumbers | Range | None, str], ...] = (
        ("length alone", accuracy["length_only"], "axis"),
        ("judges, held out", accuracy["held_out"], "blue"),
        ("in-sample", in_sample, "sky"),
        ("attainable", attainable, "amber"),
    )
    return [accuracy_row(label, entry, colour, label == "attainable") for label, entry, colour in rows if entry]


def accuracy_row(label: str, entry: EstimateNumbers | Range, colour: str, as_range: bool) -> dict[str, Any]:
    """One accuracy with its interval; ``as_range`` shows the interval itself, where there is one."""
    value, low, high = entry["value"], entry["low"], entry["high"]
    has_range = low is not None and high is not None
    interval = decimal_range(low, high)
    return {
        "label": label,
        "value": value,
        "low": low if has_range else value,
        "high": high if has_range else value,
        "colour": light(colour),
        "is_range": as_range and has_range,
        "tip": f"{label}: {decimal(value, 3)}" + (f" ({interval})" if has_range else ""),
        "text": interval if as_range and has_range else decimal(value, 3),
    }


def accuracy_figure(metrics: AuditMetrics) -> Figure | None:
    """Length-only, model and attainable accuracy on one axis."""
    rows = accuracy_rows(metrics["accuracy"])
    if not rows:
        return None
    left = min([COIN_FLIP, *(r["low"] for r in rows)]) - 0.02

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(rows).encode(
            y=alt.Y(
                "label:N",
                sort=[r["label"] for r in rows],
                title=None,
                axis=alt.Axis(
                    grid=False, labelColor=light("ink"), labelFontSize=13, labelAlign="left", labelPadding=116
                ),
            ),
            color=alt.Color("colour:N", scale=None),
        )
        scale = alt.Scale(domain=[left, 1.0], nice=False, zero=False)
        axis = alt.Axis(format=".1f", tickCount=5)
        x = alt.X("low:Q", title="accuracy on the labels as given", scale=scale, axis=axis)
        bars = base.mark_bar(aria=False).encode(
            x=x, x2=alt.X2("high:Q"), size=alt.condition("datum.is_range", alt.value(14), alt.value(3))
        )
        dots = (
            base.transform_filter("!datum.is_range")
            .mark_point(filled=True, size=90, opacity=1)
            .encode(x=alt.X("value:Q", scale=scale), description=TIP)
        )
        words = base.mark_text(align="left", dx=12, fontSize=12.5, aria=False).encode(
            x=alt.X("high:Q", scale=scale), text=alt.Text("text:N"), color=alt.value(light("ink"))
        )
        coin_flip = reference_line(COIN_FLIP, "x", "axis").encode(x=alt.X("at:Q", scale=scale))
        return layered(coin_flip, bars, dots, words, height=alt.Step(38))

    caption = "The vertical line is a coin flip."
    if rows[-1]["is_range"]:
        caption += " Attainable is what a perfect model could score at most, since wrong labels count against it too."
    return draw(
        "accuracy",
        accuracy_finding(metrics),
        "Accuracies: " + "; ".join(str(r["tip"]) for r in rows) + ".",
        chart,
        caption,
    )


def accuracy_finding(metrics: AuditMetrics) -> str:
    """Where the judges stand between length alone and the attainable range."""
    held_out, attainable = metrics["accuracy"]["held_out"], metrics["accuracy"]["attainable"]
    if held_out is None:
        return "Accuracy on the labels as given"
    value = held_out["value"]
    if attainable is None:
        return f"The judges agree with {percent(value)} of labels they never saw"
    low, high = attainable["low"], attainable["high"]
    if attainable["value"] is None:
        return "Whether labels or judges hold the accuracy back cannot be told from this data"
    if value >= low:
        return f"At {decimal(value)}, the judges are about as accurate as these labels allow"
    return f"The judges reach {decimal(value)} where these labels allow at most {decimal(low)} to {decimal(high)}"
