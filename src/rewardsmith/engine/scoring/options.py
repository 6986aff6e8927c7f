"""Options of scoring. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ScoringOptions:
    """How rewards are computed, and how those of several members become one."""

    max_length: int | None = None
    """Longest conversation in tokens; default: what the model was trained with, else 512."""
    max_tokens_per_batch: int | None = None
    """Tokens in one forward pass, which bounds memory; default 2048. A longer conversation goes alone."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model runs; `auto` takes an accelerator where there is one, and says so."""
    aggregate: Literal["mean", "min", "mean_minus_std", "mean_minus_variance", "quantile"] = "mean"
    """One reward from those of the members, for several models, an ensemble or a feature head."""
    aggregate_coefficient: float | None = None
    """k of mean - k * std, factor of the variance, or level of the quantile; default 1, 1 and 0.25."""
