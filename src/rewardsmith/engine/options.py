"""Options of training. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainOptions:
    """One run of the training loop."""

    learning_rate: float = 1e-5
    """Peak learning rate (AdamW)."""
    num_train_epochs: float = 1.0
    """Passes over the pairs; may be a fraction."""
    max_steps: int = -1
    """Stop after this many optimiser steps; -1 follows --num_train_epochs."""
    per_device_train_batch_size: int = 8
    """Pairs in a micro-batch."""
    gradient_accumulation_steps: int = 1
    """Micro-batches in an optimiser step; the loss is normalised over all of them."""
    warmup_ratio: float = 0.03
    """Share of the steps over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    """AdamW weight decay of matrices."""
    max_grad_norm: float = 1.0
    """Gradients above this norm are scaled down."""
    center_rewards_coefficient: float = 0.0
    """Weight of mean((r_chosen + r_rejected)^2), which keeps rewards near zero (arXiv 2312.09244; 0.01 is usual)."""
    logging_steps: int = 10
    """Optimiser steps between two lines of metrics.jsonl."""


@dataclass(frozen=True)
class LoraOptions:
    """Low-rank adapters instead of full fine-tuning. The reward head is always trained and saved."""

    use_peft: bool = False
    """Train low-rank adapters (peft) and the head only."""
    lora_r: int = 16
    """Rank."""
    lora_alpha: int = 32
    """Scale: updates are multiplied by alpha / r."""
    lora_dropout: float = 0.0
    """Dropout on the adapters' input."""
    lora_target_modules: str = "all-linear"
    """`all-linear`, or module names separated by commas."""
