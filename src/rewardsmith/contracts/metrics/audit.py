"""``metrics.json`` of an audit: numbers of ``strength/numbers/audit_metrics.py``, words of ``report/audit/words``."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.leanings import LeaningNumbers
from rewardsmith.contracts.metrics.parts import EstimateNumbers, NextStep
from rewardsmith.contracts.metrics.planted import Planted, PlantedNumbers
from rewardsmith.contracts.metrics.second_labels import SecondNumbers
from rewardsmith.contracts.metrics.stability import StabilityNumbers


class Place(TypedDict):
    """Where a row came from."""

    file: str
    line: int
    """From 1; a row number where the file has no lines."""
    row: int
    """From 0."""


class Finding(TypedDict):
    """What a check of the set noticed."""

    check: str
    count: int
    action: Literal["quarantined", "kept", "joined"]
    message: str
    examples: list[Place]


class DataNumbers(TypedDict):
    """What was read."""

    num_rows_read: int
    num_rows_available: int
    """Before ``max_pairs`` drew a sample."""
    num_pairs: int
    num_quarantined: int
    quarantine_by_reason: dict[str, int]
    findings: list[Finding]
    num_prompts: int
    num_groups: int
    num_responses: int
    """Distinct ones."""
    num_ties: int
    format: str
    truncated_share: float | None
    """Of the pairs; None where no model read them."""
    max_length: int | None
    """Tokens after which a conversation was cut."""
    max_length_enough: int | None
    """Tokens at which all but a twentieth of the pairs would be read whole, where that is known."""
    max_length_limit: int | None
    """Most tokens that the judges' model can read; None where its positions set no limit."""


class Choice(TypedDict):
    """Features and penalty, and how many members chose them."""

    choice: str
    count: int


class EnsembleNumbers(TypedDict):
    """Who judged."""

    kind: Literal["probe", "given", "full", "forked"]
    model: str | None
    num_members: int
    num_judges: int
    """Of a pair, in the median."""
    num_pairs_without_judges: int
    num_folds: int | None
    fold_by: Literal["prompt", "pair", "category"]
    crossfit: Literal["groups", "none"]
    share_at_end_of_grid: float | None
    """Of the members: those with the smallest or largest penalty on offer."""
    choices: list[Choice]


class Ensemble(EnsembleNumbers):
    limits: str | None


class ClassCounts(TypedDict):
    """Pairs by class of strength (``STRENGTH_CLASSES``)."""

    incorrect: NotRequired[int]
    """Absent unless labels are judged."""
    ambiguous: int
    normal: int
    strong: int


class StrengthBin(TypedDict):
    """Means over a twentieth of the pairs, by strength."""

    bin: int
    count: int
    strength_mean: float | None
    strength_std: float | None
    strength_mean_in_sample: float | None
    strength_std_in_sample: float | None


class StrengthNumbers(TypedDict):
    share_negative_mean: float | None
    share_negative_mean_in_sample: float | None
    classes: ClassCounts | None
    """None where nothing can be told."""
    spread_by_bin: list[StrengthBin]


class LengthOnly(EstimateNumbers):
    """Accuracy of always preferring one length."""

    prefers: Literal["longer", "shorter"]


class PossibleRange(TypedDict):
    value: float | None
    """None unless labels are judged."""
    low: float
    high: float


class AccuracyNumbers(TypedDict):
    """Agreement with the labels; ties count half."""

    held_out: EstimateNumbers | None
    in_sample: float | None
    length_only: LengthOnly | None
    attainable: PossibleRange | None
    """By a perfect model, at most: errors that are not seen count against it too."""


class Accuracy(AccuracyNumbers):
    sentence: str


class LabelNoiseNumbers(TypedDict):
    """Share of wrong labels: a lower bound, since errors that gather on hard pairs are not seen."""

    value: float | None
    """None unless labels are judged, as all counts of wrong labels."""
    low: float
    high: float
    identifiable: bool
    in_sample: bool
    """Every judge trained on the labels that it judges."""
    num_groups: int
    kept: float
    """Of the distance of ``p_wrong`` from its mean, in log odds, the part that planted flips did not refute."""
    vote_error: float | None
    """How often a single vote is wrong."""
    num_labels: int
    """Decided, judged, of weight above 0."""
    expected_wrong: float | None
    """Of these labels: the sum of ``p_wrong``."""
    num_flagged: int | None
    """Of these labels: those more likely wrong than right."""
    expected_wrong_flagged: float | None
    """Of those: the sum of ``p_wrong``."""


class LabelNoise(LabelNoiseNumbers):
    assumption: str
    sentence: str


ClaimLevel = Literal["labels_judged", "reading_order", "cannot_tell"]
"""How much an audit says: counts and classes of labels; a list to read from the top, and how much better than chance
it is; nothing."""

Doubt = Literal[
    "no_judges",
    "in_sample",
    "finds_no_flips",
    "finds_few_flips",
    "not_measured",
    "few_groups",
    "not_identifiable",
    "few_may_be_wrong",
]
"""What keeps an audit from saying more."""


class ClaimNumbers(TypedDict):
    level: ClaimLevel
    doubts: list[Doubt]
    """Empty at ``labels_judged``."""


class LengthBin(TypedDict):
    """Pairs of about one difference in length; longer less shorter, as labelled, in characters."""

    length_difference: float
    strength_mean: float
    count: int
    longer_chosen_share: float


class LengthNumbers(TypedDict):
    spearman: float | None
    """Of difference in length and gap."""
    longer_preferred_share: float
    bins: list[LengthBin]


class Category(TypedDict):
    name: str
    count: int
    accuracy: float
    share_doubtful: float | None
    """More likely wrong than right."""
    strength_mean: float


class StructuredCategory(TypedDict):
    name: str
    count: int
    share_wrong: float
    longer_rate: float
    shorter_rate: float


class StructuredNumbers(TypedDict):
    """Errors that gather in categories or follow length."""

    expected_share: float | None
    longer_rate: float | None
    """P(the label prefers the longer response | it is worse)."""
    shorter_rate: float | None
    p_rates_differ: float
    leans_to: Literal["longer", "shorter"] | None
    """The response that labels wrongly prefer more often, where the two rates surely differ by enough to matter."""
    gathers: bool
    """Shares of wrong labels differ between categories by enough to matter."""
    categories: list[StructuredCategory] | None


class Structured(StructuredNumbers):
    sentence: str | None


class Annotator(TypedDict):
    name: str
    count: int
    error_rate: float
    low: float
    high: float


class _AuditParts(TypedDict):
    schema_version: int
    dataset_name: str
    title: str
    claim: ClaimNumbers
    data: DataNumbers
    strength: StrengthNumbers
    length: LengthNumbers | None
    categories: list[Category] | None
    annotators: list[Annotator] | None
    second_labels: NotRequired[SecondNumbers]
    """With ``second_labels``."""
    leanings: NotRequired[LeaningNumbers]
    """Older audits lack it."""
    stability: StabilityNumbers | None
    """None with 500 judged labels or more, and where nothing is counted or resampled."""


class AuditNumbers(_AuditParts):
    """All that was measured."""

    ensemble: EnsembleNumbers
    accuracy: AccuracyNumbers
    label_noise: LabelNoiseNumbers | None
    planted_flips: list[PlantedNumbers] | None
    structured: StructuredNumbers | None


class AuditFindings(_AuditParts):
    """The numbers, each with its words."""

    ensemble: Ensemble
    accuracy: Accuracy
    label_noise: LabelNoise | None
    planted_flips: list[Planted] | None
    structured: Structured | None


class AuditVerdict(TypedDict):
    """What a reader takes away, in that order."""

    line: str
    """Whether to use the labels, and the one number that matters."""
    points: list[str]
    """At most three."""
    rest: list[str]


class AuditMetrics(AuditFindings):
    verdict: AuditVerdict
    next_steps: list[NextStep]
    timings: dict[str, float]
    """Seconds by stage."""
