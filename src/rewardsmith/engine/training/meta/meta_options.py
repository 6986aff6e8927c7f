"""Options of MetaRM. Free of heavy imports."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from rewardsmith.errors import ConfigError


@dataclass(frozen=True)
class MetaOptions:
    """MetaRM (arXiv 2401.06080, Algorithm 1): gradients are taken at weights that unlabelled responses have moved."""

    meta_dataset: str | None = None
    """Unlabelled samples: prompts with several responses each (docs/formats.md), with or without gold rewards."""
    meta_batch_size: int | None = None
    """Prompts of them in an optimiser step, over all processes; default: as many as the step has pairs."""
    meta_samples: int | None = None
    """Responses of a prompt in a step (k), drawn anew each time where it has more; prompts with fewer are left out.
    Default: as many as most prompts have."""
    meta_step_size: float = 0.003
    """How far the weights are moved, in --meta_step_unit; 0: not at all, which is plain training."""
    meta_step_unit: Literal["relative", "global", "plain"] = "relative"
    """`relative`: share of the norm of each tensor's weights; `global`: share of the norm of all trained weights;
    `plain`: what the gradient is multiplied by, as in the paper."""
    meta_objective: Literal["spread", "standardised"] = "spread"
    """`spread`: J of the paper (Eq. 11); `standardised`: J of the rewards over their standard deviation within prompts,
    which larger rewards alone do not raise."""
    meta_direction: Literal["published", "opposite"] = "published"
    """Move the weights up the objective, as published, or down."""


def check_meta(options: MetaOptions) -> None:
    """``ConfigError`` for a value that no run can have, and for options that nothing would read."""
    default = MetaOptions()
    changed = [field.name for field in fields(options) if getattr(options, field.name) != getattr(default, field.name)]
    if changed and options.meta_dataset is None:
        raise ConfigError(
            f"`{changed[0]}` {getattr(options, changed[0])}: there are no samples to move the weights by. Name them "
            "with `meta_dataset`."
        )
    if options.meta_batch_size is not None and options.meta_batch_size < 1:
        raise ConfigError(f"`meta_batch_size` {options.meta_batch_size} must be at least 1 prompt.")
    if options.meta_samples is not None and options.meta_samples < 2:
        raise ConfigError(f"`meta_samples` {options.meta_samples} must be at least 2: one response differs from none.")
    if not 0 <= options.meta_step_size < math.inf:
        raise ConfigError(
            f"`meta_step_size` {options.meta_step_size} must be at least 0; `meta_direction` turns it round."
        )
