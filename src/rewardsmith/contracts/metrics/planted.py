"""What an audit's self-audit found of planted flips, as it stands in ``metrics.json``."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import EstimateNumbers, Range


class PlantedAuroc(EstimateNumbers):
    """With several plantings the value is their mean, and the interval that of the first."""

    std: NotRequired[float]
    """Over plantings."""


class Detection(TypedDict):
    """Rows flagged against those that are to be found."""

    num_flagged: int
    num_positive: int
    num_found: int
    precision: float | None
    precision_low: float
    precision_high: float
    recall: float | None
    recall_low: float
    recall_high: float
    f1: float | None


class AtThreshold(Detection):
    """What is found of planted flips where pairs with a ``p_wrong`` above a threshold are flagged."""

    threshold: float
    precision_at_natural_rate: float | None
    """If planted flips were as many as wrong labels are."""


class Reliability(TypedDict):
    """Labels of a planted copy by what ``p_wrong`` says of them."""

    low: float
    high: float
    count: int
    promised: float
    """Mean ``p_wrong``."""
    expected: float
    """Share of planted flips that this implies: of the wrong labels some were wrong before."""
    found: float
    """Share of planted flips."""


class Detector(TypedDict):
    """One way of finding planted flips; precision, recall and F1 where it flags pairs."""

    method: str
    auroc: float
    precision: float | None
    recall: float | None
    f1: float | None
    note: str


class ReviewStep(TypedDict):
    """What reading the first pairs of the audit's order finds; ranges cover the sample and the share of wrong labels.

    Null ends: fewer than two groups.
    """

    num_read: int
    found: float
    """Wrong labels, or the share of all of them (``ReviewCurve.in_counts``)."""
    low: float | None
    high: float | None
    at_random: float
    """The same of as many pairs taken at random."""
    times_random: float
    """``found`` by ``at_random``: surer than the counts where the share of wrong labels is not well known."""
    times_low: float | None
    times_high: float | None


class ReviewOfMethod(TypedDict):
    method: str
    found: list[float]
    """By step."""


class ReviewCurve(TypedDict):
    """What reading finds, at the set's own share of wrong labels."""

    in_counts: bool
    """What is found is counted; else it is given as a share of all wrong labels, however many there are."""
    num_pairs: int
    """Decided ones that were judged."""
    share_wrong: Range | None
    """The audit's estimate, which the counts rest on; null without counts."""
    first: ReviewStep
    """The first 100, or a fifth of the set where that is fewer."""
    steps: list[ReviewStep]
    others: list[ReviewOfMethod]


class PlantedNumbers(TypedDict):
    """What was found of flips of one kind."""

    kind: str
    rate: float
    repeats: int
    auroc: PlantedAuroc
    by_threshold: list[AtThreshold]
    reliability: list[Reliability]
    noise_expected: float | None
    noise_found: Range | None
    review: ReviewCurve | None
    """Of uniform flips; None where less than one label is expected to be wrong."""
    baselines: list[Detector]


class Planted(PlantedNumbers):
    limits: str
