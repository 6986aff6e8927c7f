"""The plain content of the report: key numbers, classes, how it was measured."""

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
from rewardsmith.report.palette import CLASS_COLOURS
from rewardsmith.strength.ensembles.kinds import KINDS

UNITS = "Strengths are in logits and depend on the trunk: compare pairs of one audit, not audits of different models."
HELD_OUT = (
    "A judge never trained on the pair it judges, nor on another pair of its group; in-sample numbers are marked "
    "as such."
)
IN_SAMPLE = (
    "Every member trained on every pair, so the strengths are in-sample and kinder to the labels than an outside judge."
)

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
    name: str
    colour: str
    count: int
    share: float
    meaning: str


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
    """What the judges reach and what is attainable: a range where the share of wrong labels is not identifiable."""
    held_out, attainable = part(metrics, "accuracy", "held_out") or {}, part(metrics, "accuracy", "attainable") or {}
    numbers = []
    if known(held_out.get("value")):
        numbers.append(KeyNumber("held-out accuracy", decimal(held_out["value"], 3), interval_words(held_out, 3)))
    low, high = attainable.get("low"), attainable.get("high")
    if low is not None and high is not None and not attainable_is_known(metrics):
        numbers.append(KeyNumber("attainable accuracy", decimal_range(low, high, 2), "not known better"))
    elif known(attainable.get("value")):
        value = decimal(attainable["value"], 3)
        numbers.append(KeyNumber("attainable accuracy", value, interval_words(attainable, 3)))
    return numbers


def attainable_is_known(metrics: Mapping[str, Any]) -> bool:
    """Whether the labels' fault can be told from the judges': the audit could say how many labels are wrong."""
    value = part(metrics, "accuracy", "attainable", "value")
    return part(metrics, "label_noise", "identifiable") is True and known(value)


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
    return decimal_range(entry.get("low"), entry.get("high"), digits, missing="")


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


def measured_notes(metrics: Mapping[str, Any], is_held_out: bool) -> list[str]:
    """What to bear in mind about strengths; ``is_held_out``: they are by judges that never saw the pair."""
    kind = KINDS.get(part(metrics, "ensemble", "kind"))
    training = HELD_OUT if is_held_out else IN_SAMPLE
    notes = [UNITS, (kind and kind.training_words) or training, kind and kind.caveat]
    return [note for note in notes if note]


def ensemble_words(ensemble: Mapping[str, Any]) -> str | None:
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
    stages = {k: v for k, v in (timings or {}).items() if known(v)}
    if not stages:
        return None
    total = stages.pop("total", None) or sum(stages.values())
    return f"{duration(total)} (" + ", ".join(f"{k.replace('_', ' ')} {duration(v)}" for k, v in stages.items()) + ")"
