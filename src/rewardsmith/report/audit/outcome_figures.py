"""Figures of what the audit can do: planted flips found, strength against length, the accuracy attainable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from rewardsmith.report.numbers import count, decimal, decimal_range, known, part, percent, percent_range
from rewardsmith.report.palette import light
from rewardsmith.report.sections import attainable_is_known
from rewardsmith.report.svg import Canvas, Figure, LegendEntry, draw, layered, marks_of, reference_line

COIN_FLIP = 0.5


def planted_figure(planted: Mapping[str, Any], name: str) -> Figure | None:
    """Precision and recall of one kind of planted flips by threshold, with their intervals."""
    values = [
        threshold_row(row, what)
        for row in planted.get("by_threshold") or []
        for what in ("precision", "recall")
        if known(row.get("threshold")) and known(row.get(what))
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
        band = base.mark_area(opacity=0.16, aria=False).encode(y="low:Q", y2="high:Q")
        lines = base.mark_line(strokeWidth=1.75, aria=False).encode(strokeDash=dash)
        dots = base.mark_point(filled=True, size=44, opacity=1).encode(description="tip:N")
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


def threshold_row(row: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Precision or recall at one threshold, as the figure draws it; without an interval it has no width."""
    low, high = (row.get(f"{what}_{end}") for end in ("low", "high"))
    return {
        "threshold": float(row["threshold"]),
        "value": float(row[what]),
        "low": low if known(low) else float(row[what]),
        "high": high if known(high) else float(row[what]),
        "what": what,
        "tip": f"flag at {decimal(row['threshold'])}: {what} {percent(row[what])} "
        f"({percent_range(low, high)}), {count(row.get('num_flagged'))} flagged",
    }


def row_at_half(planted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The threshold nearest to one half of those at which something was flagged."""
    rows = [r for r in planted.get("by_threshold") or [] if known(r.get("precision")) and known(r.get("recall"))]
    return min(rows, key=lambda r: abs(r["threshold"] - 0.5)) if rows else None


def planted_caption(planted: Mapping[str, Any]) -> str:
    """The limits of the measurement, the precision to expect on the set itself, and the check of the noise estimate."""
    words = [str(planted["limits"])] if planted.get("limits") else []
    row = row_at_half(planted)
    if row and known(row.get("precision_at_natural_rate")):
        words.append(
            f"Reweighted to the set's own estimated share of wrong labels, precision at {decimal(row['threshold'])} "
            f"is {percent(row['precision_at_natural_rate'])}."
        )
    expected, found = planted.get("noise_expected"), planted.get("noise_found") or {}
    if known(expected) and known(found.get("value")):
        words.append(
            f"With these flips, {percent(expected)} of the labels should be wrong; the audit estimates "
            f"{percent(found['value'])} ({percent_range(found.get('low'), found.get('high'))})."
        )
    return " ".join(words)


def planted_finding(planted: Mapping[str, Any]) -> str:
    """Precision and recall at the threshold nearest to one half, in words."""
    row = row_at_half(planted)
    if row is None:
        return "How well planted flips are found"
    return (
        f"Flagging at {decimal(row['threshold'])} finds {percent(row['recall'])} of the flips, "
        f"and {percent(row['precision'])} of what it flags are flips"
    )


def length_figure(length: Mapping[str, Any] | None) -> Figure | None:
    """Mean strength by difference of length: is it only length?"""
    rows = [
        b for b in part(length, "bins") or [] if known(b.get("length_difference")) and known(b.get("strength_mean"))
    ]
    if not rows:
        return None
    unit = str(part(length, "unit") or "characters")
    values = [
        {
            "difference": float(b["length_difference"]),
            "strength": float(b["strength_mean"]),
            "count": float(b.get("count") or 0),
            "tip": f"difference {decimal(b['length_difference'], 0)}: strength {decimal(b['strength_mean'])}, "
            f"{count(b.get('count'))} pairs",
        }
        for b in rows
    ]

    def chart(canvas: Canvas) -> alt.LayerChart:
        base = marks_of(values).encode(
            x=alt.X(
                "difference:Q",
                title=f"length of chosen minus length of rejected ({unit})",
                axis=alt.Axis(tickCount=canvas.choose(9, 5)),
            ),
            y=alt.Y("strength:Q", title="mean strength (logits)", axis=alt.Axis(tickCount=5)),
        )
        line = base.mark_line(color=light("blue"), strokeWidth=1.5, opacity=0.5, aria=False)
        dots = base.mark_point(color=light("blue"), filled=True, opacity=1).encode(
            size=alt.Size("count:Q", scale=alt.Scale(range=[15, 130], domainMin=0), legend=None), description="tip:N"
        )
        layers = [reference_line(0.0, "x", "rule"), reference_line(0.0, "y", "axis"), line, dots]
        return layered(*layers, height=canvas.choose(240, 210))

    rho, longer = part(length, "spearman"), part(length, "longer_preferred_share")
    caption = "Larger dots hold more pairs."
    if known(rho):
        caption += f" Spearman correlation of strength with the difference of length: {decimal(rho)}."
    if known(longer):
        caption += f" The longer response was chosen in {percent(longer)} of the pairs."
    return draw("length", length_finding(rho), f"Mean strength by length difference. {caption}", chart, caption)


def length_finding(rho: Any) -> str:
    """How much of the strength goes with length, in words."""
    if not known(rho):
        return "Strength by difference of length"
    longer = "longer" if rho > 0 else "shorter"
    if abs(rho) < 0.1:
        return "Strength has little to do with length"
    if abs(rho) < 0.3:
        return f"{longer.capitalize()} responses look somewhat stronger, but it is not only length"
    if abs(rho) < 0.6:
        return f"A good part of the strength goes to {longer} responses"
    return f"Strength is mostly length: {longer} responses win"


def accuracy_rows(accuracy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of the accuracy picture, top to bottom; absent ones are left out."""
    rows = []
    for label, key, colour in (
        ("length alone", "length_only", "axis"),
        ("judges, held out", "held_out", "blue"),
        ("in-sample", "in_sample", "sky"),
        ("attainable", "attainable", "amber"),
    ):
        entry = accuracy.get(key)
        if known(entry):
            entry = {"value": entry}
        if isinstance(entry, Mapping) and (known(entry.get("value")) or known(entry.get("low"))):
            rows.append(accuracy_row(label, entry, colour, as_range=key == "attainable"))
    return rows


def accuracy_row(label: str, entry: Mapping[str, Any], colour: str, as_range: bool) -> dict[str, Any]:
    """One accuracy with its interval; ``as_range`` shows the interval itself, where there is one."""
    low, high = entry.get("low"), entry.get("high")
    has_range = known(low) and known(high)
    value = entry["value"] if known(entry.get("value")) else low
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


def accuracy_figure(metrics: Mapping[str, Any]) -> Figure | None:
    """Length-only, model and attainable accuracy on one axis."""
    rows = accuracy_rows(part(metrics, "accuracy") or {})
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
            x=x, x2="high:Q", size=alt.condition("datum.is_range", alt.value(14), alt.value(3))
        )
        dots = (
            base.transform_filter("!datum.is_range")
            .mark_point(filled=True, size=90, opacity=1)
            .encode(x=alt.X("value:Q", scale=scale), description="tip:N")
        )
        words = base.mark_text(align="left", dx=12, fontSize=12.5, aria=False).encode(
            x=alt.X("high:Q", scale=scale), text="text:N", color=alt.value(light("ink"))
        )
        coin_flip = reference_line(COIN_FLIP, "x", "axis").encode(x=alt.X("at:Q", scale=scale))
        return layered(coin_flip, bars, dots, words, height=alt.Step(38))

    return draw(
        "accuracy",
        accuracy_finding(metrics),
        "Accuracies: " + "; ".join(str(r["tip"]) for r in rows) + ".",
        chart,
        "The vertical line is a coin flip. Attainable is what a perfect model could score, since wrong labels count "
        "against it too.",
    )


def accuracy_finding(metrics: Mapping[str, Any]) -> str:
    """Where the judges stand between length alone and the attainable range."""
    value, low, high = (
        part(metrics, "accuracy", *keys)
        for keys in (("held_out", "value"), ("attainable", "low"), ("attainable", "high"))
    )
    if not known(value):
        return "Accuracy on the labels as given"
    if not (known(low) and known(high)):
        return f"The judges agree with {percent(value)} of labels they never saw"
    if not attainable_is_known(metrics) and value < high:
        return "Whether labels or judges hold the accuracy back cannot be told from this data"
    if value >= low:
        return f"At {decimal(value)}, the judges are about as accurate as these labels allow"
    return f"The judges reach {decimal(value)} where these labels allow {decimal(low)} to {decimal(high)}"
