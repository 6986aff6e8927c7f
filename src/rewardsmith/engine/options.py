"""Options of training. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls after the warm-up: to 0 in a line or a half cosine, or not at all."""
    warmup_ratio: float = 0.03
    """Share of the steps over which the learning rate rises from 0."""
    weight_decay: float = 0.0
    """AdamW weight decay of matrices."""
    max_grad_norm: float = 1.0
    """Gradients above this norm are scaled down; 0 leaves them as they are."""
    center_rewards_coefficient: float = 0.0
    """Weight of mean((r_chosen + r_rejected)^2), which keeps rewards near zero (arXiv 2312.09244; 0.01 is usual)."""
    logging_steps: int = 10
    """Optimiser steps between two lines of metrics.jsonl."""
    bf16: bool = False
    """Compute in bfloat16 where that is safe; weights, head and loss stay in float32."""
