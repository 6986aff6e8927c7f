"""The plain content of the report: key numbers, classes, how it was measured."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsmith.contracts.metrics.audit import (
    AuditFindings,
    AuditMetrics,
    Choice,
    DataNumbers,
    Ensemble,
    LabelNoise,
    PossibleRange,
)
from rewardsmith.contracts.metrics.parts import EstimateNumbers, Range
from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.report.audit.words.review import review_number
from rewardsmith.report.numbers import count, decimal, decimal_range, duration, part, percent, percent_range
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


def key_numbers(metrics: AuditMetrics) -> list[KeyNumber]:
    """What a reader takes away; numbers that were not measured are left out."""
    numbers = []
    if noise := metrics["label_noise"]:
        numbers += noise_numbers(noise, metrics)
    numbers += accuracy_numbers(metrics)
    for planted in (metrics["planted_flips"] or [])[:1]:
        if reading := review_number(planted, metrics["claim"]["level"]):
            numbers.append(KeyNumber(*reading))
        auroc = planted["auroc"]
        numbers.append(KeyNumber("planted flips, AUROC", decimal(auroc["value"], 3), interval_words(auroc, digits=3)))
    return numbers


def noise_numbers(noise: LabelNoise, metrics: AuditMetrics) -> list[KeyNumber]:
    """How many labels are wrong at least, and how many can be named; what fits the data where that cannot be told."""
    span = percent_range(noise["low"], noise["high"])
    if noise["value"] is None:
        return [KeyNumber("share of wrong labels", "cannot be told", f"{span} is possible")]
    low, high = (part(metrics, "stability", "share", end) for end in ("low", "high"))
    resampled = "" if low is None else f", {percent_range(low, high)} in resampled sets"
    return [
        KeyNumber("labels wrong, about", percent(noise["value"]), f"range {span}{resampled}"),
        KeyNumber(
            "flagged pairs",
            count(noise["num_flagged"]),
            f"of {count(noise['num_labels'])}: more likely wrong than right{stability_words(metrics, 'flagged')}",
        ),
    ]


def stability_words(metrics: AuditFindings, name: str) -> str:
    """`` (93 to 150 in resampled sets)`` behind a count of a small set; nothing where there is no such range."""
    low, high = (part(metrics, "stability", name, end) for end in ("low", "high"))
    return "" if low is None or high is None else f" ({count(low)} to {count(high)} in resampled sets)"


def accuracy_numbers(metrics: AuditMetrics) -> list[KeyNumber]:
    """What the judges reach, and what is attainable at most, where the labels' fault can be told from the judges'."""
    numbers = []
    if held_out := metrics["accuracy"]["held_out"]:
        numbers.append(KeyNumber("held-out accuracy", decimal(held_out["value"], 3), interval_words(held_out, 3)))
    attainable = metrics["accuracy"]["attainable"]
    if attainable and attainable["value"] is not None:
        words = interval_words(attainable, 3)
        numbers.append(KeyNumber("attainable accuracy, at most", decimal(attainable["value"], 3), words))
    return numbers


def planted_notes(metrics: AuditMetrics) -> list[str]:
    """What is to be said of the methods compared, each once."""
    rows = [row for planted in metrics["planted_flips"] or [] for row in planted["baselines"]]
    return list(dict.fromkeys(f"{row['method']}: {row['note']}" for row in rows if row["note"]))


def interval_words(entry: EstimateNumbers | PossibleRange | Range, digits: int) -> str:
    """``0.699 to 0.726``, or nothing where there is no interval."""
    return decimal_range(entry["low"], entry["high"], digits, missing="")


def num_classed(metrics: AuditMetrics) -> int:
    """Pairs that have a class of strength."""
    return sum(number for _, number in class_counts(metrics))


def class_shares(metrics: AuditMetrics) -> list[ClassShare]:
    """The classes that the audit may speak of, in order of strength; empty where no pair has one."""
    total = num_classed(metrics)
    if not total:
        return []
    return [
        ClassShare(name, CLASS_COLOURS[name], number, number / total, CLASS_MEANINGS[name])
        for name, number in class_counts(metrics)
    ]


def class_counts(metrics: AuditMetrics) -> list[tuple[str, int]]:
    """The classes that the audit may speak of, in order of strength."""
    counts = metrics["strength"]["classes"]
    return [(name, part(counts, name)) for name in STRENGTH_CLASSES if counts and name in counts]


def measured(metrics: AuditMetrics) -> list[tuple[str, str]]:
    """How it was measured, as term and words; what is unknown is left out."""
    ensemble, data = metrics["ensemble"], metrics["data"]
    folds, truncated, cut_at = ensemble["num_folds"], data["truncated_share"], data["max_length"]
    facts = [
        ("Trunk", ensemble["model"]),
        ("Ensemble", ensemble_words(ensemble)),
        ("Folds", None if folds is None else f"{folds} by {ensemble['fold_by']}"),
        ("Pairs without two judges", no_judges_words(ensemble)),
        ("Chosen by the members", choices_words(ensemble["choices"])),
        ("Limits", ensemble["limits"]),
        ("Read as", data["format"]),
        ("Pairs", pairs_words(data)),
        (
            "Cut by truncation",
            None if truncated is None else f"{percent(truncated)} of pairs, at {cut_at} tokens",
        ),
        ("Time", time_words(metrics["timings"])),
    ]
    return [(term, words) for term, words in facts if words]


def measured_notes(metrics: AuditMetrics, is_held_out: bool) -> list[str]:
    """What to bear in mind about strengths; ``is_held_out``: they are by judges that never saw the pair."""
    kind = KINDS[metrics["ensemble"]["kind"]]
    training = HELD_OUT if is_held_out else IN_SAMPLE
    notes = [UNITS, kind.training_words or training, kind.caveat]
    return [note for note in notes if note]


def ensemble_words(ensemble: Ensemble) -> str:
    members, judges = count(ensemble["num_members"]), count(ensemble["num_judges"])
    return f"{ensemble['kind']}, {members} members, {judges} judges a pair"


def no_judges_words(ensemble: Ensemble) -> str | None:
    """How many pairs have no strength; nothing where all have one."""
    without = ensemble["num_pairs_without_judges"]
    return f"{count(without)}, without a strength" if without else None


def choices_words(choices: list[Choice]) -> str:
    """Layers, poolings and penalties, with the number of members that chose each."""
    largest = sorted(choices, key=lambda choice: -choice["count"])[:6]
    return "; ".join(f"{choice['choice']} ({count(choice['count'])})".replace("_", " ") for choice in largest)


def pairs_words(data: DataNumbers) -> str:
    """Pairs, prompts, groups and ties that were read."""
    numbers = (
        (data["num_pairs"], "pairs"),
        (data["num_prompts"], "prompts"),
        (data["num_groups"], "split groups"),
        (data["num_ties"], "ties"),
    )
    return ", ".join(f"{count(number)} {word}" for number, word in numbers)


def time_words(stages: dict[str, float]) -> str | None:
    """The whole time, and that of each stage."""
    if not stages:
        return None
    words = ", ".join(f"{stage.replace('_', ' ')} {duration(seconds)}" for stage, seconds in stages.items())
    return f"{duration(sum(stages.values()))} ({words})"
