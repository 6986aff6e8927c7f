"""Which pairs a rule is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from rewardsmith.contracts.tables import STRENGTH_CLASSES
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.evidence import Evidence, Names, Reads
from rewardsmith.refining.supervision import Floats, Mask

Range = tuple[float | None, float | None]
"""Low end, which belongs to it, and high end, which does not unless it is the end of the scale; None: an open end."""
Choices = tuple[str, ...]

Decision = Literal["keep", "flip", "tie", "drop"]
DECISIONS: tuple[str, ...] = get_args(Decision)


class Number(NamedTuple):
    reads: Reads
    values: Callable[[Evidence, bool], Floats]
    """Of every pair; in sample or held out."""
    top: float = 1.0
    """Where its scale ends."""


class Name(NamedTuple):
    reads: Reads
    values: Callable[[Evidence], Names]


RANGES = {
    "strength_quantile": Number(Reads.JUDGES, lambda evidence, in_sample: _ranks(evidence.strength(in_sample))),
    "strength": Number(Reads.JUDGES, lambda evidence, in_sample: evidence.strength(in_sample), np.inf),
    "p_wrong": Number(Reads.JUDGES, lambda evidence, _: evidence.p_wrong),
    "p_wrong_structured": Number(Reads.STRUCTURED, lambda evidence, _: evidence.p_wrong_structured),
    "spread_quantile": Number(Reads.JUDGES, lambda evidence, in_sample: _ranks(evidence.std(in_sample))),
    "influence_quantile": Number(Reads.FEATURES, lambda evidence, _: _ranks(evidence.influence)),
}
NAMES = {
    "strength_class": Name(Reads.JUDGES, lambda evidence: evidence.strength_class),
    "category": Name(Reads.CATEGORY, lambda evidence: evidence.category),
    "source": Name(Reads.ORIGIN, lambda evidence: evidence.source),
    "annotator": Name(Reads.ORIGIN, lambda evidence: evidence.annotator_id),
    "decision": Name(Reads.PERSON, lambda evidence: evidence.decision),
}


@dataclass(frozen=True)
class Where:
    """Conditions that must all hold; none of them: every pair. What is not known fulfils no condition.

    Strength is that of the given label: where the given target is under 0.5 its sign changes; ties have none.
    """

    strength_quantile: Range | None = None
    """Range of ranks by rising strength, from 0 to 1 of the pairs that have one: [0, 0.1] is the lowest tenth."""
    strength: Range | None = None
    """Range in logits: [null, 0] is every pair whose judges would have labelled it the other way round."""
    p_wrong: Range | None = None
    """Range of the probability that the label is wrong: [0.5, null] is every label that is more likely wrong."""
    p_wrong_structured: Range | None = None
    """The same by the structured audit, whose errors may follow length and category."""
    spread_quantile: Range | None = None
    """Range of ranks by rising spread of the judges."""
    strength_class: tuple[Literal["incorrect", "ambiguous", "normal", "strong"], ...] | None = None
    category: Choices | None = None
    source: Choices | None = None
    annotator: Choices | None = None
    decision: tuple[Decision, ...] | None = None
    """A person's decisions."""
    influence_quantile: Range | None = None
    """Range of ranks by how much the label raises the loss of pairs of other prompts: [0.9, 1] is the most harmful
    tenth. Needs the features of the audit's model."""
    in_sample: bool = False
    """Let strengths and spread be those of members that trained on the pair, as in the paper. Probabilities and classes
    are of the kind that the audit has, and asking for the other one is an error."""

    def __post_init__(self) -> None:
        for range_name, limits in self._ranges():
            _check_range(range_name, limits, RANGES[range_name].top)
        for name, known in (("strength_class", STRENGTH_CLASSES), ("decision", DECISIONS)):
            for value in getattr(self, name) or ():
                if value not in known:
                    raise ConfigError(f"{name} has {value!r}, which is none of {', '.join(known)}.")

    @property
    def is_everything(self) -> bool:
        return self.reads <= {Reads.IN_SAMPLE}

    @property
    def reads(self) -> frozenset[Reads]:
        """What its conditions go by."""
        found = {RANGES[name].reads for name, _ in self._ranges()} | {NAMES[name].reads for name, _ in self._names()}
        return frozenset(found | {Reads.IN_SAMPLE} if self.in_sample else found)

    def words(self) -> str:
        """The conditions in words, ``p_wrong 0.9 or more, category code or maths``; empty without any."""
        found = [f"{name} {_range_words(limits)}" for name, limits in self._ranges()]
        found += [f"{name} {' or '.join(chosen)}" for name, chosen in self._names()]
        return ", ".join(found)

    def select(self, evidence: Evidence) -> Mask:
        """The pairs [N] that fulfil every condition. ``DataError`` where what a condition needs was not measured."""
        selected = np.ones(len(evidence), dtype=bool)
        if Reads.JUDGES in self.reads:
            require_measured(evidence, self.in_sample)
        if self.p_wrong is not None or self.strength_class is not None:
            require_p_wrong(evidence, self.in_sample)
        if Reads.STRUCTURED in self.reads:
            require_structured(evidence)
        for name, limits in self._ranges():
            selected &= _within(RANGES[name].values(evidence, self.in_sample), limits, RANGES[name].top)
        if Reads.PERSON in self.reads and not any(evidence.decision):
            raise DataError("`where` asks for a person's decisions, and there are none: name their file, `decisions`.")
        for name, chosen in self._names():
            known = NAMES[name].values(evidence)
            selected &= np.fromiter((value in chosen for value in known), bool, len(evidence))
        return selected

    def _ranges(self) -> Iterator[tuple[str, Range]]:
        for name in RANGES:
            limits = getattr(self, name)
            if limits is not None:
                yield name, limits

    def _names(self) -> Iterator[tuple[str, Choices]]:
        for name in NAMES:
            chosen = getattr(self, name)
            if chosen is not None:
                yield name, chosen


def require_measured(evidence: Evidence, in_sample: bool) -> None:
    """``DataError`` where the strengths that a rule asks for do not exist."""
    if in_sample and np.isnan(evidence.strength_mean_in_sample).all():
        raise DataError(
            "in_sample: the audit has no strengths of members that trained on the pairs. Leave in_sample out, or "
            "audit with `crossfit` none."
        )
    if not in_sample and evidence.in_sample_only:
        raise DataError(
            "every member of the audit trained on the pairs that it judges (`crossfit` none), which flatters wrong "
            "labels. Audit with `crossfit` groups, or take a recipe that is meant for such audits: "
            "`recipe` paper_flip, paper_margin, paper_flip+margin or paper_soft_label+margin. Rules of your own say "
            "`in_sample: true`."
        )
    if not in_sample and np.isnan(evidence.strength_mean).all():
        raise DataError("the audit has no strengths: no pair was judged by two members or more.")


def require_p_wrong(evidence: Evidence, in_sample: bool) -> None:
    """``DataError`` where ``p_wrong``, and the classes made of it, do not rest on the members that a rule asks for."""
    require_measured(evidence, in_sample)
    if in_sample and not evidence.in_sample_only:
        raise DataError(
            "in_sample: p_wrong and the classes of this audit are those of members that did not train on the pairs. "
            "Leave in_sample out, or audit with `crossfit` none."
        )


def require_structured(evidence: Evidence) -> None:
    """``DataError`` where the structured audit that a rule asks for was not made."""
    if np.isnan(evidence.p_wrong_structured).all():
        raise DataError(
            "the audit has no p_wrong_structured. Audit with `ensemble` probe, `structured` and `crossfit` "
            "groups, or take p_wrong."
        )


def _within(values: Floats, limits: Range, top: float) -> Mask:
    """Where the value is known and in the range."""
    low, high = limits
    known = ~np.isnan(values)
    above = known if low is None else known & (values >= low)
    return np.asarray(above if high is None or high >= top else above & (values < high))


def _ranks(values: Floats) -> Floats:
    """Share of the known values that are smaller, equal ones in the order of the input; NaN where unknown."""
    ranks = np.full(len(values), np.nan)
    seen = np.flatnonzero(~np.isnan(values))
    order = seen[np.argsort(values[seen], kind="stable")]
    ranks[order] = np.arange(len(order)) / max(1, len(order))
    return ranks


def _range_words(limits: Range) -> str:
    low, high = limits
    if low is None:
        return "known" if high is None else f"under {high:g}"
    return f"{low:g} or more" if high is None else f"{low:g} to {high:g}"


def _check_range(name: str, limits: Range, top: float) -> None:
    low, high = limits
    if low is not None and high is not None and low >= high:
        raise ConfigError(f"{name} [{low:g}, {high:g}] is empty: the low end comes first.")
    if np.isfinite(top) and any(end is not None and not 0 <= end <= top for end in limits):
        raise ConfigError(f"{name} [{low}, {high}] must lie between 0 and 1.")
