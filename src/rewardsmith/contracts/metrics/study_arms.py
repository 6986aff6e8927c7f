"""``metrics.json`` of a study of arms (``studies/arms/findings.py``). Gains are differences of accuracies."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers, Verdict


class ArmOnTest(TypedDict):
    """An arm on one set; means over seeds."""

    accuracy: float
    """Over pairs whose label decides; ties of rewards count half."""
    nll: float | None
    """Of the labels, in the units of the held-out part."""
    gain: IntervalNumbers
    """On the baseline."""
    verdict: Verdict | None
    """None for the baseline."""
    standard_error: float | None
    smallest_seen: float | None
    """True gain that four of five such studies, or more, would find clear."""
    pairs_for_a_point: int | None
    """About how many test pairs would find one point so often, if only pairs varied."""


class SetNumbers(TypedDict):
    name: str
    dataset_name: str
    num_pairs: int
    """Whose label decides."""
    num_groups: int
    """Drawn again as one."""
    enough_groups: bool
    num_prompts_trained_on: int
    """Of its prompts, those that some seed trained on."""
    num_prompts_sampled: int
    """Those of which some arm saw unlabelled responses."""
    arms: dict[str, ArmOnTest]


class RateNumbers(TypedDict):
    """A learning rate on the held-out part; means over the seeds that tried it."""

    learning_rate: float
    num_seeds: int
    accuracy: float | None
    nll: float


class ArmNumbers(TypedDict):
    name: str
    options: dict[str, Any]
    """Its own, above those of the study."""
    same_course: bool
    """As the baseline: first weights, and the pairs of every step."""
    num_pairs: int
    truncated_share: float
    learning_rate: dict[str, float]
    """Chosen, by seed."""
    at_end_of_grid: bool
    """Some choice is the lowest or the highest rate of several."""
    held_out: list[RateNumbers]
    seconds: float
    """Of a training (median)."""
    cost: float
    """The same in trainings of the baseline."""


class FailedTraining(TypedDict):
    arm: str
    learning_rate: float
    seed: int
    reason: str


class ArmsFindings(TypedDict):
    """Everything that the cells say."""

    arms: list[ArmNumbers]
    tests: list[SetNumbers]
    num_comparisons: int
    """Arms with a verdict, over all sets."""
    num_clear: int
    """Of these, not `unclear`."""
    failed: list[FailedTraining]


class ArmsAbout(TypedDict):
    """What was asked, and of which set."""

    dataset_name: str
    title: str
    model: str
    baseline: str
    num_pairs: int
    num_quarantined: int
    fold_by: Literal["prompt", "pair", "category"]
    test_share: float
    held_out_share: float
    seeds: list[int]
    learning_rates: list[float]
    choose_rates_on: Literal["first", "each"]


class StudyArmsMetrics(ArmsAbout, ArmsFindings):
    forecast_s: float | None
    """Of all cells, as it was told before the first; None where that was done before."""
    timings: dict[str, float]
    """Seconds by stage."""
