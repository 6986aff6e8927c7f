"""Preferences of one distribution, unlabelled samples of another, and tests of both (see metarm_shift.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Tested:
    """Pairs whose better response is known, and the prompts that tie them together."""

    better: Float[Tensor, "T D"]
    worse: Float[Tensor, "T D"]
    groups: NDArray[np.str_]


@dataclass(frozen=True)
class Shift:
    """What one seed trains and tests on."""

    chosen: Float[Tensor, "B D"]
    rejected: Float[Tensor, "B D"]
    samples: Float[Tensor, "m k D"]
    """Of the shifted distribution, without labels."""
    shifted: Tested
    within: Tested
    """Of the distribution of the preferences."""

    def standardised(self) -> Shift:
        """Features with mean 0 and standard deviation 1 over the preferences."""
        rows = torch.cat([self.chosen, self.rejected])
        mean, deviation = rows.mean(0), rows.std(0).clamp_min(1e-6)

        def scaled(values: Tensor) -> Tensor:
            return (values - mean) / deviation

        shifted, within = (
            replace(tested, better=scaled(tested.better), worse=scaled(tested.worse))
            for tested in (self.shifted, self.within)
        )
        return Shift(scaled(self.chosen), scaled(self.rejected), scaled(self.samples), shifted, within)
