"""The configuration of each verb: the parts' options, composed. Free of heavy imports.

Flags and YAML keys are the leaf names, flat; the nesting is internal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.options import CheckpointOptions, TrackerOptions, TrainOptions
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.options import DataOptions, RowOptions
from rewardsmith.refining.options import RefineOptions
from rewardsmith.report.options import ReportOptions
from rewardsmith.strength.options import MemberOptions, SelfAuditOptions, StrengthOptions
from rewardsmith.studies.noise.options import ForkedArmOptions, NoiseStudyOptions


@dataclass(frozen=True)
class AuditConfig:
    """Measure how strong every preference is, which labels are doubtful, and how far to trust the answer."""

    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    strength: StrengthOptions = field(default_factory=StrengthOptions)
    members: MemberOptions = field(default_factory=MemberOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    self_audit: SelfAuditOptions = field(default_factory=SelfAuditOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class RefineConfig:
    """Repair an audited set by stated rules, every one of which can be looked at and undone."""

    refine: RefineOptions = field(default_factory=RefineOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class UndoConfig:
    """Write the rows that went into a refined folder, as they were."""

    refined_dir: str = ""
    """Folder that `rewardsmith refine` wrote."""
    output_file: str = ""
    """JSON Lines file to write."""
    overwrite: bool = False
    """Replace a file that is there."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""


@dataclass(frozen=True)
class TrainConfig:
    """Train a Bradley-Terry reward model and save it as a Hugging Face sequence-classification model."""

    data: DataOptions = field(default_factory=DataOptions)
    eval_dataset_name: str | None = None
    """A second preference set, evaluated at the end."""
    eval_fraction: float = 0.0
    """Share of the split groups held out for evaluation at the end."""
    model: ModelOptions = field(default_factory=ModelOptions)
    noise_aware: str | None = None
    """Folder of an audit of this set: its error rates become part of the loss (arXiv 1609.03683), the labels stay."""
    train: TrainOptions = field(default_factory=TrainOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    trackers: TrackerOptions = field(default_factory=TrackerOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a reward model on a preference set: accuracy with interval, calibration, by category and by length."""

    reward_model_path: str = ""
    """Folder or Hub id of the reward model (sequence classification, peft adapter, feature head or ensemble)."""
    compare_to: str | None = None
    """A second model, scored on the same pairs: every difference gets a paired interval."""
    fit_temperature: bool = False
    """Keep the temperature of this held-out set in the model's folder, for `score --probabilities`."""
    data: DataOptions = field(default_factory=DataOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class ScoreConfig:
    """Write the reward of every response of a set: pairs, single responses, or several to a prompt."""

    reward_model_path: str = ""
    """Folder or Hub id of the reward model; several separated by commas, or an ensemble's folder, judge together."""
    output_file: str | None = None
    """File to write, `.parquet` or `.jsonl` (JSON Lines); default: runs/score-<name of the data set>.parquet."""
    data: RowOptions = field(default_factory=RowOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    probabilities: bool = False
    """Pairs: write P(chosen is the better response) = sigmoid(gap / temperature) too."""
    temperature: float | None = None
    """With --probabilities: this temperature; default: what `evaluate --fit_temperature` kept in the model's folder."""
    keep_columns: bool = True
    """Write the columns of the input beside the rewards."""
    window: int = 1024
    """Rows scored and saved at a time; an interrupted run loses at most these."""
    overwrite: bool = False
    """Replace a file that is there."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""


@dataclass(frozen=True)
class ExportConfig:
    """Write a preference set, or a refined folder, in the form that another trainer reads."""

    data: DataOptions = field(default_factory=DataOptions)
    to: Literal["trl", "openrlhf", "llamafactory", "ms_swift", "nemo_rl", "datasets"] = "trl"
    """Who will read it."""
    ties: Literal["leave_out", "keep"] = "leave_out"
    """Pairs with target 0.5, which a chosen and a rejected response cannot say: leave out, or keep in their order."""
    output_file: str | None = None
    """JSON Lines file to write; default: runs/export-<to>-<name of the data set>.jsonl."""
    output_dir: str | None = None
    """Folder to write, for `llamafactory` and `datasets`; default: runs/export-<to>-<name of the data set>."""
    overwrite: bool = False
    """Replace a file, or a folder of an earlier export, that is there."""
    seed: int = 0
    """Seed of the sample with --max_pairs."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""


@dataclass(frozen=True)
class StudyNoiseConfig:
    """Plant known noise in a preference set, repair it by every method, train, and test on untouched labels."""

    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    study: NoiseStudyOptions = field(default_factory=NoiseStudyOptions)
    forked: ForkedArmOptions = field(default_factory=ForkedArmOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class DoctorConfig:
    """Check the environment, a model and a preference set for the faults that silently spoil reward models."""

    model_name_or_path: str | None = None
    """Model to check."""
    data: DataOptions = field(default_factory=DataOptions)
    max_length: int = 512
    """Truncation length to check the data set against."""
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class CacheConfig:
    """List or clear the feature cache."""

    clear: bool = False
    """Delete every entry."""
    json: bool = False
    """Make the last line of stdout one JSON document."""


@dataclass(frozen=True)
class SimulateConfig:
    """Write a preference set with planted truth: known rewards, annotators of known skill, known flips."""

    output_file: str = ""
    """JSONL file to write."""
    num_pairs: int = 2000
    """Pairs."""
    pairs_per_prompt: int = 4
    """Pairs that share a prompt."""
    annotator: Literal["exact", "bradley_terry", "thurstone"] = "bradley_terry"
    """How a judged pair is decided: by the sign of the true gap, or with noise around it."""
    annotator_skills: str = "1.0"
    """Skill of each annotator, separated by commas: 1 judges every pair, 0 tosses a coin for every pair."""
    votes_per_pair: int = 1
    """Annotators who vote on each pair; the majority is the label."""
    flips: Literal["uniform", "hard", "longer", "category"] = "uniform"
    """Which labels are flipped: any, mostly close pairs, so that the longer response wins, or by category."""
    flip_rate: float = 0.0
    """Share of flipped labels."""
    tie_rate: float = 0.0
    """Share of pairs called a tie."""
    seed: int = 0
    """Seed of every random choice."""
    overwrite: bool = False
    """Replace a file that is there."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
