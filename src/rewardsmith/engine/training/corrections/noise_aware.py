"""Noise-aware training in the loop: labels are believed as far as their error rates and the model allow.

Every pair is learned with the target of ``objectives.noise_aware``, by the gap that the model gives it in that very
step; no gradient flows through it. It has no memory: nothing is kept between steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.correction import Correction, Seen
from rewardsmith.objectives.noise_aware import believed_target


class NoiseAware(Correction):
    """``error_rates`` [N, 2] of all pairs of a run: P(labelled better | worse) of chosen and of rejected."""

    metric = "label_change"
    """Mean distance of the targets learned from to those given."""

    def __init__(self, error_rates: NDArray[np.float32]) -> None:
        self._rates = torch.from_numpy(error_rates)

    def apply(self, batch: PairBatch, seen: Seen) -> PairBatch:
        """The batch with the targets that gaps and labels make likely."""
        chosen_rate, rejected_rate = self._rates[torch.from_numpy(batch.indices)].to(seen.gap).unbind(1)
        shifted = seen.gap - batch.margin
        return replace(batch, target=believed_target(shifted, batch.target, chosen_rate, rejected_rate))

    def observe(self, given: PairBatch, learned: PairBatch, seen: Seen) -> Tensor:
        """Only counts."""
        return ((learned.target - given.target).abs() * (learned.weight > 0)).sum()
