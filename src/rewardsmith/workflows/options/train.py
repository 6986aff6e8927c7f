"""The configuration of `train`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.training.contrastive.contrastive_options import ContrastiveOptions
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.options import CheckpointOptions, TrackerOptions, TrainOptions
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.options import DataOptions


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
