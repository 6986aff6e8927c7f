"""``metrics.json`` of an evaluation (``evaluation/reward_benchmark.py``); names as TRL's, with ``eval_``."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers, MeasureDifference
from rewardsmith.contracts.metrics.second_labels import NamedViews, ViewDifferences


class Slice(TypedDict):
    """Numbers of some of the pairs."""

    count: int
    accuracy: float | None
    """Over pairs whose label and rewards both decide."""
    accuracy_ci_low: float | None
    accuracy_ci_high: float | None
    accuracy_ties_half: float | None
    gap_mean: float
    num_ties: int
    num_label_ties: int


class CategorySlice(Slice):
    name: str
    length_accuracy: float | None
    """Of always preferring the longer response."""
    length_accuracy_ci_low: float | None
    length_accuracy_ci_high: float | None


LengthSlice = TypedDict(
    "LengthSlice",
    {"from": int, "to": int},  # characters by which the preferred response is longer
)


class LengthDifferenceSlice(Slice, LengthSlice):
    """Pairs by how much longer the preferred response is."""


class ReliabilityBin(TypedDict):
    """Pairs of about one confidence: what the rewards promise, and what is there."""

    low: float
    high: float
    count: int
    confidence: float
    agreement: float
    agreement_ci_low: float | None
    agreement_ci_high: float | None


class Reliability(TypedDict):
    """One table for each form of the gaps."""

    as_they_are: list[ReliabilityBin] | None
    at_temperature: list[ReliabilityBin] | None
    at_kept_temperature: list[ReliabilityBin] | None


class Calibration(TypedDict):
    """``_at_temperature``: cross-fitted; ``_at_kept_temperature``: at the one that the model carries."""

    reliability: Reliability
    eval_brier: float | None
    eval_ece: float | None
    eval_ece_equal_width: float | None
    eval_ece_by_chance: float | None
    """What a calibrated model of as many pairs would show."""
    eval_nll_at_temperature: float | None
    eval_brier_at_temperature: float | None
    eval_ece_at_temperature: float | None
    eval_ece_equal_width_at_temperature: float | None
    eval_ece_by_chance_at_temperature: float | None
    eval_nll_at_kept_temperature: float | None
    eval_brier_at_kept_temperature: float | None
    eval_ece_at_kept_temperature: float | None
    eval_ece_equal_width_at_kept_temperature: float | None
    eval_ece_by_chance_at_kept_temperature: float | None
    eval_temperature: float | None
    eval_temperature_ci_low: float | None
    eval_temperature_ci_high: float | None
    eval_temperature_note: str | None
    """Why there is none."""
    eval_kept_temperature: float | None


class ByLength(TypedDict):
    eval_length_accuracy: float | None
    """Of always preferring the longer response."""
    eval_length_accuracy_ci_low: float | None
    eval_length_accuracy_ci_high: float | None
    by_length_difference: list[LengthDifferenceSlice]


class RewardNumbers(Calibration, ByLength):
    """A reward model on a set."""

    eval_accuracy: float | None
    """Over pairs whose label and rewards both decide."""
    eval_accuracy_ci_low: float | None
    eval_accuracy_ci_high: float | None
    eval_accuracy_ties_half: float | None
    eval_accuracy_ties_half_ci_low: float | None
    eval_accuracy_ties_half_ci_high: float | None
    eval_nll: float
    eval_gap_mean: float
    eval_gap_std: float
    eval_mean_reward: float
    eval_min_reward: float
    eval_max_reward: float
    eval_num_pairs: int
    eval_num_ties: int
    eval_num_label_ties: int
    eval_num_without_weight: int
    eval_num_prompts: int
    by_category: list[CategorySlice] | None


class ModelComparison(TypedDict):
    """Two models on the same pairs."""

    accuracy_ties_half: MeasureDifference
    nll: MeasureDifference
    nll_at_temperature: MeasureDifference
    brier: MeasureDifference
    num_both_right: int
    num_only_first_right: int
    num_only_second_right: int
    num_neither_right: int


class StateNumbers(TypedDict):
    """How the states lie that the reward's output layer multiplies (``metrics/states.py``), of some of the pairs."""

    num_pairs: int
    num_dimensions: int
    alignment: float | None
    """Mean squared distance of the directions of two views of a response (dropout); None: the scorer shows none."""
    pair_distance: float | None
    """The same of a pair's two responses."""
    uniformity: float | None
    effective_rank: float | None
    first_axis_share: float | None
    overlap: float | None
    """Share of states whose nearest one of another prompt is of the other side."""
    overlap_by_chance_low: float | None
    overlap_by_chance_high: float | None
    """Where 95 % of its values lie if sides are named at random."""
    collapse: Literal["point", "line"] | None
    mapped_variance: float | None
    """Share of the variance along the two axes of the picture."""


class BestOfN(TypedDict):
    """The best of n responses to each prompt by the rewards, over all draws of n (``metrics/best_of_n.py``)."""

    n: int
    kl_bound: float
    """Nats that a policy which answers so is away from the one that drew, at most."""
    length: float
    """Characters of a response."""
    gold: IntervalNumbers
    gold_possible: float | None
    """Of the best by gold itself."""


class SampleNumbers(TypedDict):
    """Rewards of several responses to each prompt (``evaluation/policy_samples.py``), compared within prompts."""

    num_prompts: int
    num_responses: int
    num_conversations_cut: int
    spread: IntervalNumbers
    """Standard deviation (divisor k) of the rewards within a prompt, mean over prompts."""
    spread_share: float | None
    """Standard deviation of the rewards within a prompt over that of all; None where all are equal."""
    num_gold_prompts: int
    """Prompts whose responses all have a gold reward; what follows, lengths excepted, is of them."""
    num_gold_pairs: int
    gold_accuracy: IntervalNumbers
    """Of pairs of different texts and unequal gold; equal rewards are half right."""
    gold_rank_correlation: IntervalNumbers
    """Spearman's rho with gold within a prompt, mean over those where both vary."""
    gold_gain: IntervalNumbers
    """Gold of the best of as many responses as every prompt has, less that of any."""
    best_of_n: list[BestOfN]


class SampleDifferences(TypedDict):
    """Two models on the same samples."""

    gold_accuracy: MeasureDifference
    best_gold: MeasureDifference
    """Of the best of as many responses as every prompt has."""


class NamedSamples(SampleNumbers):
    dataset: str
    num_quarantined: int


class ComparedSamples(SampleNumbers):
    differences: SampleDifferences


class NamedComparison(ModelComparison):
    reward_model: str
    """The second one."""
    in_sample: bool
    states: StateNumbers | None
    samples: ComparedSamples | None
    second_labels: ViewDifferences | None


class EvaluateMetrics(RewardNumbers):
    reward_model: str
    in_sample: bool
    """Whether the run that wrote the model says that it was trained on this set."""
    kept_temperature_in_sample: bool
    """Whether the temperature that the model carries was fitted on this set."""
    dataset: str
    num_quarantined: int
    columns_not_read: dict[str, int]
    """Column -> rows in which it could be part of the conversation."""
    num_conversations_cut: int
    states: StateNumbers | None
    """None: not asked for, or the scorer has none of its own."""
    samples: NamedSamples | None
    """With ``samples_file``."""
    second_labels: NamedViews | None
    """With ``second_labels``."""
    comparison: NotRequired[NamedComparison]
    """With ``compare_to``."""
