"""What preferred responses have more of, in the report: a table of the features, and what is clear in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardsmith.contracts.metrics.leanings import FeatureLeaning, LeaningNumbers, LeaningsOfParts
from rewardsmith.contracts.metrics.parts import IntervalNumbers
from rewardsmith.report.audit.leanings.figure import leaning_figure
from rewardsmith.report.audit.leanings.words import leaning_sentence
from rewardsmith.report.numbers import count, difference, percent, percent_with_range, points
from rewardsmith.report.svg import Figure
from rewardsmith.strength.leanings.features import FEATURES

MAX_ROWS = 30
"""Leanings of categories, or of annotators."""
NOTHING = "No feature of the text goes clearly with being preferred."
FAMILY = (
    "Clear (bold): among the {num} features that are tested together, by that share (Benjamini & Hochberg, 5%). "
    "Intervals are of 95% each."
)
LIKE_LENGTH = (
    "At about one length: the same share where the longer response has at most a fifth more characters than the other."
)
JUDGES = (
    "Judges: the same share of what the audit's held-out judges prefer. They learned from these labels, but from other "
    "prompts; labels scatter more than judges do, so a judge's share lies further from a half by itself."
)

_UNITS = {feature.name: feature.unit for feature in FEATURES}


@dataclass(frozen=True)
class LeaningRow:
    """A feature in words."""

    part: str
    """The category or annotator; nothing for the whole set."""
    feature: str
    is_clear: bool
    differs: str
    share: str
    difference: str
    like_length: str
    judges: str


@dataclass(frozen=True)
class PartRows:
    """What is clear by category, or by annotator, the surest first; no rows where nothing is."""

    of: str
    finding: str
    rows: list[tuple[LeaningRow, str]]
    """Each with the share of the whole set."""


@dataclass(frozen=True)
class LeaningContent:
    """All that the section shows."""

    finding: str
    figure: Figure | None
    features: list[LeaningRow]
    has_judges: bool
    notes: list[str]
    parts: list[PartRows]


def leaning_content(found: LeaningNumbers | None, with_names: bool) -> LeaningContent | None:
    """None where no pair is decided, or an older audit did not ask. Without names the parts are counted in a note."""
    if found is None or not found["features"][0]["num_pairs"]:
        return None
    tested = [row for row in found["features"] if row["p_value"] is not None]
    seldom = [row["feature"] for row in found["features"] if row["p_value"] is None]
    tested.sort(key=lambda row: (not row["is_clear"], -_distance(row)))
    has_judges = any(row["judges_share"]["value"] is not None for row in tested)
    notes = [FAMILY.format(num=len(tested)), LIKE_LENGTH, JUDGES if has_judges else ""] if tested else []
    if seldom:
        notes.append(f"Not tested, since they differ in too few groups of prompts: {', '.join(seldom)}.")
    parts = [_part("category", "categories", found["categories"], found["features"], with_names)]
    parts.append(_part("annotator", "annotators", found["annotators"], found["features"], with_names))
    notes += [f"{part.finding}." for part in parts if part and not part.rows]
    return LeaningContent(
        finding=leaning_sentence(found) or NOTHING,
        figure=leaning_figure(tested),
        features=[_in_words(row) for row in tested],
        has_judges=has_judges,
        notes=[note for note in notes if note],
        parts=[part for part in parts if part and part.rows],
    )


def _part(
    of: str, several: str, found: LeaningsOfParts | None, features: Sequence[FeatureLeaning], with_names: bool
) -> PartRows | None:
    if found is None:
        return None
    whole = {row["feature"]: percent(row["share"]["value"]) for row in features}
    shown = found["clear"][:MAX_ROWS] if with_names else []
    return PartRows(of, _part_finding(found, several), [(_in_words(row), whole[row["feature"]]) for row in shown])


def _part_finding(parts: LeaningsOfParts, several: str) -> str:
    number, tests, clear = (count(parts[name]) for name in ("num_parts", "num_tests", "num_clear"))
    if not parts["num_tests"]:
        return f"{number} {several}: each of too few groups of prompts to say what is preferred there"
    return f"{number} {several}: {clear} of {tests} leanings are clear, all tested together"


def _in_words(row: FeatureLeaning) -> LeaningRow:
    gap = row["difference"]
    write = points if _UNITS[row["feature"]] == "share" else difference
    return LeaningRow(
        part=row["name"] or "",
        feature=row["feature"],
        is_clear=row["is_clear"],
        differs=count(row["num_more"] + row["num_less"]),
        share=_share(row["share"]),
        difference=write(gap["value"], gap["low"], gap["high"]),
        like_length=_share(row["like_length"]),
        judges=_share(row["judges_share"]),
    )


def _share(share: IntervalNumbers) -> str:
    return percent_with_range(share["value"], share["low"], share["high"])


def _distance(row: FeatureLeaning) -> float:
    share = row["share"]["value"]
    return 0.0 if share is None else abs(share - 0.5)
