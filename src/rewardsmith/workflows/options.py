"""The configuration of each verb: the parts' options, composed. Free of heavy imports.

Flags and YAML keys are the leaf names, flat; the nesting is internal. A class's docstring is its verb's ``--help``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from tyro.conf import arg

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.contrastive.contrastive_options import ContrastiveOptions
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.options import CheckpointOptions, TrackerOptions, TrainOptions
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.options import DataOptions, RowOptions
from rewardsmith.refining.options import RefineOptions
from rewardsmith.report.options import ReportOptions
from rewardsmith.strength.options import MemberOptions, SelfAuditOptions, StrengthOptions


@dataclass(frozen=True)
class AuditConfig:
    """Which labels are wrong, which are ambiguous, how strong is every preference: one verdict and one report.

    Examples:
      rewardsmith audit prefs.jsonl
      rewardsmith audit --dataset_name embedded/dialogues
      rewardsmith audit --dataset_name trl-lib/ultrafeedback_binarized --max_pairs 5000
      rewardsmith audit prefs.jsonl --ensemble forked --model_name_or_path Qwen/Qwen3-0.6B
      rewardsmith audit prefs.jsonl --second_labels judged.jsonl
      rewardsmith audit prefs.jsonl --prompt_key question --chosen_key good --rejected_key bad
    """

    data: DataOptions = field(default_factory=DataOptions)
    second_labels: str | None = None
    """Labels of the same pairs by somebody else, as `judge` writes them or in any form of preferences: how often do
    they agree, by strength, and what do they say of which labels are wrong?"""
    model: ModelOptions = field(default_factory=ModelOptions)
    strength: StrengthOptions = field(default_factory=StrengthOptions)
    members: MemberOptions = field(default_factory=MemberOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    self_audit: SelfAuditOptions = field(default_factory=SelfAuditOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class LeaningsConfig:
    """What preferred responses have more of than others."""

    data: DataOptions = field(default_factory=DataOptions)
    seed: int = 0
    """Seed of the sample that `max_pairs` draws."""
    quiet: bool = False
    """No progress on stderr."""


@dataclass(frozen=True)
class RefineConfig:
    """Repairs an audited set by stated rules: drop, flip, soften, weigh, set margins. Every row can be had back.

    Without --recipe it goes by the audit's level of claim: structured_drop where that judges labels,
    structured_drop_both at a reading order, none where it cannot tell or has no p_wrong_structured.

    Recipes: soft_label, drop, drop_lowest, flip, flip_wrong, smooth, margin, flip+margin, soft_label+margin, votes,
    decisions, none; where errors follow length or category: structured_soft_label, structured_drop,
    structured_drop_both, structured_flip_wrong; as the paper has them, by in-sample strengths: paper_flip,
    paper_margin, paper_flip+margin, paper_soft_label+margin. Or a YAML file of rules: docs/methods/refine.md.

    Examples:
      rewardsmith refine --audit_dir runs/audit-prefs
      rewardsmith refine --audit_dir runs/audit-prefs --recipe drop --output_dir refined
      rewardsmith refine --audit_dir runs/audit-prefs --recipe mine.yaml --decisions decided.jsonl
    """

    refine: RefineOptions = field(default_factory=RefineOptions)
    report: ReportOptions = field(default_factory=ReportOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class ShowConfig:
    """Prints pairs of an audit for reading, the most doubtful first: why each is doubted, and where its texts differ.

    p_wrong is the probability that the label is wrong, strength by how much the judges prefer chosen to rejected
    (logits, mean ± spread). Rows count from 0, as in the input.

    Examples:
      rewardsmith show runs/audit-prefs
      rewardsmith show runs/audit-prefs --class ambiguous --top 5
      rewardsmith show runs/audit-prefs --category coding --full
      rewardsmith show runs/audit-prefs --row 17 --json
    """

    audit_dir: str = ""
    """Folder that `rewardsmith audit` wrote; a word on its own is taken for it."""
    top: int = 20
    """Pairs to print."""
    class_: Annotated[str | None, arg(name="class")] = None
    """Only pairs of this class: `incorrect`, `ambiguous` (nearest to strength 0 first), `normal` or `strong`."""
    category: str | None = None
    """Only pairs of this category."""
    row: int | None = None
    """Exactly the pair in this row of the input."""
    full: bool = False
    """Print texts whole, and every turn of the prompt."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""


@dataclass(frozen=True)
class UndoConfig:
    """Writes the rows that went into a refined folder: all of them, value for value, in the order of the input.

    What JSON has no word for (bytes that are no text, dates, decimals) comes back as text, and is counted.

    Example:
      rewardsmith undo --refined_dir refined --output_file back.jsonl
    """

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
    """Train a reward model on preference pairs; saves a Hugging Face sequence-classification model.

    Pairs may carry target (P(chosen is better)), margin and weight; see docs/methods/bradley_terry.md.

    Examples:
      rewardsmith train prefs.jsonl --model_name_or_path embedded/smollm2-135m --eval_fraction 0.1 --eval_steps 50
      rewardsmith train prefs.jsonl --model_name_or_path Qwen/Qwen3-0.6B --use_peft --learning_rate 1e-4
      rewardsmith train prefs.jsonl --contrastive simcse --per_device_train_batch_size 16
      rewardsmith train prefs.jsonl --meta_dataset samples.jsonl
      rewardsmith train --dataset_name embedded/dialogues --center_rewards_coefficient 0.01 --output_dir rm
    """

    data: DataOptions = field(default_factory=DataOptions)
    eval_dataset_name: str | None = None
    """A second preference set, evaluated at the end."""
    eval_fraction: float = 0.0
    """Share of the split groups held out for evaluation at the end."""
    eval_steps: int = 0
    """Optimiser steps from one measurement on these pairs to the next while training; 0: at the end only."""
    model: ModelOptions = field(default_factory=ModelOptions)
    noise_aware: str | None = None
    """Folder of an audit of this set: its error rates become part of the loss (arXiv 1609.03683), the labels stay."""
    train: TrainOptions = field(default_factory=TrainOptions)
    contrastive: ContrastiveOptions = field(default_factory=ContrastiveOptions)
    meta: MetaOptions = field(default_factory=MetaOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    trackers: TrackerOptions = field(default_factory=TrackerOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a reward model on a preference set: accuracy with interval, calibration, by category and by length.

    Examples:
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --fit_temperature
      rewardsmith evaluate --reward_model_path runs/new heldout.jsonl --compare_to runs/old
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --samples_file samples.jsonl
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --second_labels judged.jsonl
      rewardsmith evaluate --reward_model_path owner/reward-model --dataset_name embedded/dialogues --json
    """

    reward_model_path: str = ""
    """Folder or Hub id of the reward model (sequence classification, peft adapter, feature head or ensemble)."""
    compare_to: str | None = None
    """A second model, scored on the same pairs: every difference gets a paired interval."""
    fit_temperature: bool = False
    """Keep the temperature of this held-out set in the model's folder, for `score --probabilities`."""
    state_pairs: int = 300
    """Pairs, drawn at random, whose states (what the head reads) are described and drawn, up to 2000; 0: none."""
    samples_file: str | None = None
    """Several responses to each prompt, as `sample` writes them: which would be chosen, and what is their `gold`?"""
    second_labels: str | None = None
    """Labels of the same pairs by somebody else, as `judge` writes them or in any form of preferences: accuracy by
    both, and where both agree."""
    data: DataOptions = field(default_factory=DataOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class ScoreConfig:
    """Write the reward of every response of a set, in its order: pairs, single responses, or several to a prompt.

    Interrupted, the same command goes on where it was. Rewards compare within a prompt only.

    Examples:
      rewardsmith score --reward_model_path runs/train-prefs --dataset_name prefs.jsonl --output_file rewards.parquet
      rewardsmith score samples.jsonl --reward_model_path rm --response_key completions --output_file rewards.jsonl
      rewardsmith score prefs.jsonl --reward_model_path rm1,rm2,rm3 --aggregate mean_minus_std
      rewardsmith score prefs.jsonl --reward_model_path runs/train-prefs --probabilities
    """

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
    """Write a preference set, or a refined folder, in the form that another trainer reads.

    What that trainer cannot be told (soft targets, weights, ...) is counted and shown.

    Examples:
      rewardsmith export runs/refine-prefs --to trl --output_file train.jsonl
      rewardsmith export prefs.jsonl --to llamafactory --output_dir data/prefs
      rewardsmith export runs/refine-prefs --to datasets --output_dir prefs_refined
    """

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
class DoctorConfig:
    """Check the environment, a model and a preference set for faults that silently spoil reward models.

    Exit status 1 if a check fails. Without options it looks at the environment only.

    Examples:
      rewardsmith doctor
      rewardsmith doctor --model_name_or_path embedded/smollm2-135m
      rewardsmith doctor prefs.jsonl --model_name_or_path Qwen/Qwen3-0.6B --max_length 1024
    """

    model_name_or_path: str | None = None
    """Model to check."""
    data: DataOptions = field(default_factory=DataOptions)
    max_length: int = 512
    """Truncation length to check the data set against."""
    run: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True)
class CacheConfig:
    """List or clear the feature cache.

    Examples:
      rewardsmith cache
      rewardsmith cache --clear
    """

    clear: bool = False
    """Delete every entry."""
    json: bool = False
    """Make the last line of stdout one JSON document."""


@dataclass(frozen=True)
class SimulateConfig:
    """Write a preference set with planted truth: known rewards, annotators of known skill, known flips.

    Examples:
      rewardsmith simulate --output_file sim.jsonl --flip_rate 0.2
      rewardsmith simulate --output_file sim.jsonl --annotator exact --flips hard --flip_rate 0.1
      rewardsmith simulate --output_file sim.jsonl --annotator_skills 1.0,0.8,0.4 --votes_per_pair 5 --tie_rate 0.1
    """

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
