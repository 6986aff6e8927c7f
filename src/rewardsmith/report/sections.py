"""The plain content of the report's words and tables: key numbers, tables, how it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.report.numbers import (
    count,
    decimal,
    decimal_range,
    duration,
    known,
    part,
    percent,
    percent_range,
)
from rewardsmith.report.outcome_figures import WIDE_RANGE
from rewardsmith.report.palette import CLASS_COLOURS

MAX_TABLE_ROWS = 30
"""Rows of a category or annotator table; the others are counted."""

CLASS_MEANINGS = {
    "incorrect": "the label is probably wrong",
    "ambiguous": "no clear winner",
    "normal": "useful, ordinary pairs",
    "strong": "easy, large differences",
}


@dataclass(frozen=True)
class KeyNumber:
    """A number with its interval, for the row under the verdict."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class ClassShare:
    """One strength class."""

    name: str
    colour: str
    count: int
    share: float
    meaning: str


@dataclass(frozen=True)
class Bar:
    """A named share with an optional interval, all in [0, 1] of the widest value shown."""

    name: str
    cells: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class BarTable:
    """Rows to be drawn as bars in a table."""

    columns: tuple[str, ...]
    bar_title: str
    rows: list[Bar]
    num_hidden: int


def key_numbers(metrics: Mapping[str, Any]) -> list[KeyNumber]:
    """What a reader takes away; numbers that were not measured are left out."""
    numbers = []
    noise = part(metrics, "label_noise")
    if noise and known(noise.get("low")) and known(noise.get("high")):
        estimate = percent_range(noise["low"], noise["high"])
        if noise.get("identifiable") is False:
            numbers.append(KeyNumber("labels wrong", "not identifiable", f"anything from {estimate} fits this data"))
        else:
            value = percent(noise["value"]) if known(noise.get("value")) else estimate
            numbers.append(KeyNumber("labels wrong", value, f"range {estimate}"))
    classes = part(metrics, "strength", "classes") or {}
    if known(classes.get("incorrect")):
        total = sum(v for v in classes.values() if known(v))
        share = percent(classes["incorrect"] / total) if total else ""
        numbers.append(KeyNumber("doubtful pairs", count(classes["incorrect"]), f"{share} of {count(total)} pairs"))
    numbers += accuracy_numbers(metrics)
    for planted in (part(metrics, "planted_flips") or [])[:1]:
        auroc = planted.get("auroc") or {}
        if known(auroc.get("value")):
            numbers.append(
                KeyNumber("planted flips, AUROC", decimal(auroc["value"], 3), interval_words(auroc, digits=3))
            )
    return numbers


def accuracy_numbers(metrics: Mapping[str, Any]) -> list[KeyNumber]:
    """What the judges reach and what is attainable; a range too wide to stand for its middle is shown as a range."""
    held_out, attainable = part(metrics, "accuracy", "held_out") or {}, part(metrics, "accuracy", "attainable") or {}
    numbers = []
    if known(held_out.get("value")):
        numbers.append(KeyNumber("held-out accuracy", decimal(held_out["value"], 3), interval_words(held_out, 3)))
    low, high = attainable.get("low"), attainable.get("high")
    if low is not None and high is not None and (high - low > WIDE_RANGE or not known(attainable.get("value"))):
        numbers.append(KeyNumber("attainable accuracy", decimal_range(low, high, 2), "not known better"))
    elif known(attainable.get("value")):
        value = decimal(attainable["value"], 3)
        numbers.append(KeyNumber("attainable accuracy", value, interval_words(attainable, 3)))
    return numbers


def planted_notes(metrics: Mapping[str, Any]) -> list[str]:
    """What is to be said of the methods compared, each once."""
    notes = [
        f"{row.get('method')}: {row['note']}"
        for entry in part(metrics, "planted_flips") or []
        for row in entry.get("baselines") or []
        if row.get("note")
    ]
    return list(dict.fromkeys(notes))


def interval_words(entry: Mapping[str, Any], digits: int) -> str:
    """``0.699 to 0.726``, or nothing where there is no interval."""
    return (
        decimal_range(entry["low"], entry["high"], digits)
        if known(entry.get("low")) and known(entry.get("high"))
        else ""
    )


def class_shares(metrics: Mapping[str, Any]) -> list[ClassShare]:
    """The four classes in order of strength; empty without classes."""
    classes = part(metrics, "strength", "classes") or {}
    total = sum(v for v in classes.values() if known(v))
    if not total:
        return []
    return [
        ClassShare(name, CLASS_COLOURS[name], int(classes[name]), classes[name] / total, CLASS_MEANINGS[name])
        for name in STRENGTH_CLASSES
        if known(classes.get(name))
    ]


def category_table(metrics: Mapping[str, Any], with_names: bool) -> BarTable | None:
    """Share of doubtful pairs by category, largest first."""
    rows = [r for r in part(metrics, "categories") or [] if known(r.get("share_doubtful"))]
    rows.sort(key=lambda r: -r["share_doubtful"])
    widest = max((r["share_doubtful"] for r in rows), default=0) or 1.0
    bars = [
        Bar(
            name=str(r["name"]) if with_names else f"category {i}",
            cells=(count(r.get("count")), decimal(r.get("accuracy"), 3), decimal(r.get("strength_mean"))),
            value=r["share_doubtful"] / widest,
            low=None,
            high=None,
            text=percent(r["share_doubtful"]),
        )
        for i, r in enumerate(rows, 1)
    ]
    columns = ("category", "pairs", "accuracy", "mean strength")
    return bar_table(columns, "doubtful labels", bars)


def annotator_table(metrics: Mapping[str, Any], with_names: bool) -> BarTable | None:
    """Estimated error rate by annotator with its interval, largest first."""
    rows = [r for r in part(metrics, "annotators") or [] if known(r.get("error_rate"))]
    rows.sort(key=lambda r: -r["error_rate"])
    widest = max((max(r["error_rate"], r["high"] if known(r.get("high")) else 0) for r in rows), default=0) or 1.0
    bars = [
        Bar(
            name=str(r["name"]) if with_names else f"annotator {i}",
            cells=(count(r.get("count")), percent_range(r.get("low"), r.get("high"))),
            value=r["error_rate"] / widest,
            low=r["low"] / widest if known(r.get("low")) else None,
            high=r["high"] / widest if known(r.get("high")) else None,
            text=percent(r["error_rate"]),
        )
        for i, r in enumerate(rows, 1)
    ]
    return bar_table(("annotator", "pairs", "interval"), "estimated error rate", bars)


def bar_table(columns: tuple[str, ...], bar_title: str, bars: list[Bar]) -> BarTable | None:
    """A table of at most ``MAX_TABLE_ROWS`` bars, or None without any."""
    return BarTable(columns, bar_title, bars[:MAX_TABLE_ROWS], max(0, len(bars) - MAX_TABLE_ROWS)) if bars else None


def bar_finding(table: BarTable | None) -> str:
    """The finding of a bar table: where the share is highest and where lowest."""
    if table is None:
        return ""
    first, last = table.rows[0], table.rows[-1]
    subject = f"{table.bar_title[:1].upper()}{table.bar_title[1:]}"
    if len(table.rows) == 1 or first.text == last.text:
        return f"{subject}: {first.text} throughout"
    if table.num_hidden:
        return f"{subject}: up to {first.text} ({first.name})"
    return f"{subject}: {last.text} ({last.name}) to {first.text} ({first.name})"


def measured(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How it was measured, as term and words; what is unknown is left out."""
    ensemble, data = part(metrics, "ensemble") or {}, part(metrics, "data") or {}
    facts = [
        ("Trunk", ensemble.get("model")),
        ("Ensemble", ensemble_words(ensemble)),
        (
            "Folds",
            f"{ensemble['num_folds']} by {ensemble.get('fold_by') or 'pair'}"
            if known(ensemble.get("num_folds"))
            else None,
        ),
        ("Pairs without two judges", no_judges_words(ensemble)),
        ("Chosen by the members", choices_words(ensemble.get("choices"))),
        ("Assumption", ensemble.get("assumption_note")),
        ("Limits", ensemble.get("limits")),
        ("Read as", data.get("format")),
        ("Pairs", pairs_words(data)),
        (
            "Cut by truncation",
            f"{percent(data['truncated_share'])} of pairs" if known(data.get("truncated_share")) else None,
        ),
        ("Time", time_words(part(metrics, "timings"))),
    ]
    return [(term, str(words)) for term, words in facts if words]


def ensemble_words(ensemble: Mapping[str, Any]) -> str | None:
    """Kind, members and judges."""
    words = [str(ensemble["kind"])] if ensemble.get("kind") else []
    if known(ensemble.get("num_members")):
        words.append(f"{count(ensemble['num_members'])} members")
    if known(ensemble.get("num_judges")):
        words.append(f"{count(ensemble['num_judges'])} judges a pair")
    return ", ".join(words) or None


def no_judges_words(ensemble: Mapping[str, Any]) -> str | None:
    """How many pairs have no strength; nothing where all have one."""
    without = ensemble.get("num_pairs_without_judges")
    return f"{count(without)}, without a strength" if known(without) and without else None


def choices_words(choices: Any) -> str | None:
    """Layers, poolings and penalties, with the number of members that chose each."""
    words = []
    for choice in sorted(choices or [], key=lambda c: -(c.get("count") or 0))[:6]:
        name = choice.get("choice")
        if name is None:
            name = f"layer {choice.get('layer')}, {choice.get('pooling')}, l2 {choice.get('l2')}"
        words.append(f"{name} ({count(choice.get('count'))})".replace("_", " "))
    return "; ".join(words) or None


def pairs_words(data: Mapping[str, Any]) -> str | None:
    """Rows, pairs, prompts, groups and ties that were read."""
    names = (("num_pairs", "pairs"), ("num_prompts", "prompts"), ("num_groups", "split groups"), ("num_ties", "ties"))
    return ", ".join(f"{count(data[key])} {word}" for key, word in names if known(data.get(key))) or None


def time_words(timings: Mapping[str, Any] | None) -> str | None:
    """Total and stages."""
    stages = {k: v for k, v in (timings or {}).items() if known(v)}
    if not stages:
        return None
    total = stages.pop("total", None) or sum(stages.values())
    return f"{duration(total)} (" + ", ".join(f"{k.replace('_', ' ')} {duration(v)}" for k, v in stages.items()) + ")"
