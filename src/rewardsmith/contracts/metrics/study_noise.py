"""``metrics.json`` of a noise study (``studies/noise/findings.py``). Gains and gaps are differences of accuracies."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from rewardsmith.contracts.metrics.parts import IntervalNumbers, Verdict


class StudyMethod(TypedDict):
    name: str
    role: Literal["reference", "ours", "rival", "diagnostic"]


class Gap(IntervalNumbers):
    """What noise costs: training on clean labels less training on noisy ones."""

    standard_error: float | None
    counts: bool
    """It exceeds twice its standard error."""


class ArmNumbers(TypedDict):
    """A method at one place; means over seeds."""

    accuracy: float
    gain: IntervalNumbers
    """On plain training."""
    verdict: Verdict | None
    """None for references."""
    nll: float | None
    share_dropped: float | None
    label_error: float | None
    share_at_end_of_grid: float | None


class StudyPlace(TypedDict):
    """One kind of noise at one rate; means over seeds."""

    kind: str
    rate: float
    num_train: float | None
    num_test: float | None
    share_turned: float | None
    share_made_ties: float | None
    noise_found: float | None
    gap: Gap
    arms: dict[str, ArmNumbers]


class Gain(TypedDict):
    gain: IntervalNumbers
    verdict: Verdict


class ShareClosed(Gain):
    """A method over the places of a pool."""

    share: IntervalNumbers
    """Of the gap."""


class Pool(TypedDict):
    """Places that are summed over."""

    places: list[list[str | float]]
    """Kind and rate."""
    mean_gap: IntervalNumbers
    methods: dict[str, ShareClosed]


class ChosenMethod(Gain):
    """The best on one half of the seeds, and what it does on the other."""

    method: str
    share: IntervalNumbers | None


class ChosenOfPool(TypedDict):
    ours: ChosenMethod
    any: ChosenMethod


class Chosen(TypedDict):
    chosen_on: list[int]
    """Seeds."""
    reported_on: list[int]
    pools: dict[str, ChosenOfPool]


class DetectorNumbers(TypedDict):
    """Means over seeds."""

    kind: str
    rate: float
    detector: str
    auroc: float | None
    precision: float | None
    recall: float | None
    f1: float | None


class SkippedCell(TypedDict):
    kind: str
    rate: float
    seed: int
    skipped: str


class FailedMethod(TypedDict):
    kind: str
    rate: float
    seed: int
    method: str
    reason: str


class StudyFindings(TypedDict):
    """Everything that the cells say."""

    methods: list[StudyMethod]
    seeds: list[int]
    num_test_groups: int
    enough_groups: bool
    places: list[StudyPlace]
    pools: dict[str, Pool]
    clean: dict[str, Gain] | None
    """Methods on the set as it came."""
    chosen: Chosen | None
    detectors: list[DetectorNumbers]
    limits: dict[str, dict[str, dict[str, float | None]]]
    """Share of the gap closed: by pool, detector and treatment."""
    skipped: list[SkippedCell]
    failed: list[FailedMethod]
    seconds_a_cell: float | None


class ForkedArms(TypedDict):
    """How arms were trained."""

    num_train_epochs: int
    learning_rate: float
    per_device_train_batch_size: int
    fork_layer: int
    lora_r: int


class StudyAbout(TypedDict):
    """What was asked, and of which set."""

    dataset_name: str
    title: str
    model: str
    num_pairs: int
    num_quarantined: int
    trainer: Literal["probe", "forked"]
    forked: ForkedArms | None
    fold_by: Literal["prompt", "pair", "category"]
    audit_fold_by: Literal["prompt", "pair", "category"]
    num_judges: int
    choose_by: Literal["given", "own"]
    test_share: float


class StudyNoiseMetrics(StudyAbout, StudyFindings):
    timings: dict[str, float]
    """Seconds by stage."""
