"""Intervals of mean credits, ready for ``metrics.json``."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.metrics.intervals import group_bootstrap, wilson


def credit_interval(
    name: str, credits: NDArray[np.float64], prompts: NDArray[Any], seed: int, num_resamples: int
) -> dict[str, float | None]:
    """``<name>_low`` and ``<name>_high``: the 95 % interval of the mean of credits [N] in [0, 1], over prompts.

    NaN credits are left out. Where every pair has the same credit, resampling sees no spread at all; Wilson's interval
    over the prompts does not pretend to certainty there.
    """
    interval = group_bootstrap(credits, prompts, num_resamples=num_resamples, seed=seed)
    if interval.value in (0.0, 1.0):
        num_prompts = len(np.unique(prompts[~np.isnan(credits)]))
        interval = wilson(int(interval.value) * num_prompts, num_prompts)
    ends = {f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: end if isfinite(end) else None for key, end in ends.items()}
