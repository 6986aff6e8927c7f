"""``metrics.json`` of a refined set (``refining/effects.py``, ``workflows/refine.py``)."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.metrics.parts import NextStep


class RecipeName(TypedDict):
    name: str
    description: str
    fingerprint: str
    why: str | None
    """None where the user named it."""


class RefinedData(TypedDict):
    """Of what the audit read."""

    num_rows_read: int
    num_rows_available: int
    num_quarantined: int
    format: str
    num_kept_as_text: int


class PairCounts(TypedDict):
    """Pairs by what became of them; one may be in several."""

    num_pairs: int
    num_unchanged: int
    num_changed: int
    num_dropped: int
    num_turned: int
    num_softened: int
    num_with_margin: int
    num_reweighted: int
    weight_given: float
    weight: float
    effective_pairs: float


class RuleEffect(TypedDict):
    rule: str
    parameters: dict[str, Any]
    """What differs from the rule's defaults."""
    num_selected: int
    num_changed: int


class LengthBalance(TypedDict):
    """Share of the weight, among pairs of unequal length, on which the labels call the longer response better."""

    longer_is_better_given: float | None
    longer_is_better: float | None
    num_pairs: int


class GroupEffect(TypedDict):
    """What became of the pairs of one category or annotator."""

    name: str
    count: int
    num_turned: int
    num_dropped: int
    weight_share_given: float
    weight_share: float


class Effects(TypedDict):
    pairs: PairCounts
    rules: list[RuleEffect]
    length: LengthBalance | None
    categories: list[GroupEffect] | None
    annotators: list[GroupEffect] | None


class DoubtedNumbers(TypedDict):
    """By one probability that a label is wrong; of the last round's judges where there were rounds."""

    num_doubted: int
    """Pairs where it is over a half."""
    num_turned: int
    """Of these."""
    num_dropped: int
    """Of these."""
    expected_wrong: float
    """Labels: its sum."""
    expected_wrong_turned: float
    """Of the labels that were turned."""
    expected_wrong_dropped: float


class AuditedNumbers(TypedDict):
    """What the audit says of the labels, beside what the recipe did (``pairs``)."""

    level: ClaimLevel
    warnings: list[str]
    """Where the recipe that the user named asks more of the audit than it may say."""
    asks_structured: bool
    """Whether a rule goes by ``p_wrong_structured``."""
    p_wrong: DoubtedNumbers | None
    """None where the audit cannot tell."""
    p_wrong_structured: DoubtedNumbers | None
    """None where the audit cannot tell, or has it not."""
    num_doubted_by_both: int | None


class RoundNumbers(TypedDict):
    num_flagged: int
    overlap_with_last: float | None
    num_turned: int
    num_dropped: int


class NoiseRange(TypedDict):
    """Share of wrong labels by the last round's judges."""

    low: float
    high: float
    identifiable: bool


class TrainFile(TypedDict):
    num_rows: int
    num_swapped: int
    """Rows whose responses changed places."""
    left_out: dict[str, int]
    """Pairs by reason."""
    not_expressed: dict[str, int]
    """Pairs by column that other trainers do not read."""


class RefineMetrics(Effects):
    schema_version: int
    dataset_name: str
    title: str
    recipe: RecipeName
    data: RefinedData
    audited: AuditedNumbers
    num_counted_twice: int
    rounds: list[RoundNumbers] | None
    label_noise: NoiseRange | None
    train_file: TrainFile
    next_steps: list[NextStep]
