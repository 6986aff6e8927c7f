"""Options of learning from demonstrations. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.errors import ConfigError

Imitation = Literal["log_sigmoid", "linear", "sft"]


@dataclass(frozen=True)
class ImitationOptions:
    """What a demonstration costs, and how often the policy answers anew."""

    imitation: Imitation = "log_sigmoid"
    """What a demonstration y costs beside an own response y~, with gap = beta (log pi/pi_old(y) - log pi/pi_old(y~)):
    `log_sigmoid`: -log sigmoid(gap); `linear`: -gap; or `sft`, to compare with: -log pi(y), without own responses."""
    beta: float = 0.1
    """Scale of the implicit reward beta log pi/pi_old."""
    num_rounds: int = 5
    """Parts of the run. At the beginning of each the policy becomes pi_old and answers the prompts of that part anew;
    1 is SPIN."""


@dataclass(frozen=True)
class ImitationTrainingOptions:
    """How the steps are taken (AdamW)."""

    learning_rate: float = 5e-7
    """Peak learning rate."""
    num_train_epochs: float = 1.0
    """Passes over the demonstrations; may be a fraction."""
    demonstrations_per_step: int = 16
    """Demonstrations of an optimiser step, over all processes."""
    max_length: int = 512
    """Longest demonstration in tokens, prompt and response; longer ones are left out, and counted."""
    max_tokens_per_batch: int = 4096
    """Tokens in one forward pass, which bounds memory."""
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls after the warm-up: to 0 in a line or a half cosine, or not at all."""
    warmup_ratio: float = 0.1
    """Share of the steps over which the rate rises from 0."""
    max_grad_norm: float = 1.0
    """Gradients above this norm are scaled down; 0 leaves them as they are."""
    logging_steps: int = 10
    """Optimiser steps between two lines of metrics.jsonl."""
    bf16: bool = False
    """Compute in bfloat16 where that pays; weights and losses stay in float32."""


def check_imitation(imitation: ImitationOptions, training: ImitationTrainingOptions) -> None:
    """``ConfigError`` for a value that no run can have."""
    counts = (
        (imitation, ("num_rounds",)),
        (training, ("demonstrations_per_step", "max_tokens_per_batch", "logging_steps")),
    )
    for part, names in counts:
        for name in names:
            if getattr(part, name) < 1:
                raise ConfigError(f"`{name}` {getattr(part, name)} must be at least 1.")
    above_zero = ((imitation, "beta"), (training, "learning_rate"), (training, "num_train_epochs"))
    for part, name in above_zero:
        if not 0 < getattr(part, name) < float("inf"):
            raise ConfigError(f"`{name}` {getattr(part, name)} must be a number above 0.")
    if not 0 <= training.warmup_ratio <= 1:
        raise ConfigError(f"`warmup_ratio` {training.warmup_ratio} must be between 0 and 1.")
    if not training.max_grad_norm >= 0:
        raise ConfigError(f"`max_grad_norm` {training.max_grad_norm} must not be negative.")
    if imitation.imitation == "sft" and imitation.num_rounds != ImitationOptions.num_rounds:
        raise ConfigError(f"`num_rounds` {imitation.num_rounds}: `imitation` sft has none, the policy does not answer.")
