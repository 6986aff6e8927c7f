"""NormBT (arXiv 2512.06343) in the training loop: pairs whose states lie far apart weigh less, near ones more.

    weight_i * mu / (|h_chosen - h_rejected| + epsilon)

mu is the mean distance over past optimiser steps, recent ones counting more. So the first step is plain, and no pair
has a part in what it is measured by. The denominator of the loss stays the sum of the weights as given. Of several
views of a pair, the mean distance counts.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.correction import Correction, Seen
from rewardsmith.objectives.norm_bt import distance_weights

DECAY = 0.9  # the paper's, of what a step counts, from one step to the next
STATE = "norm_bt"


class NormBT(Correction):
    """Every pair counts once in the mean distance, whatever its weight."""

    metric = "norm_bt_weight"
    """By how much weights were multiplied, mean over pairs."""

    def __init__(self) -> None:
        self._past = torch.zeros(2)  # decayed sums over steps: distance, pairs
        self._step = torch.zeros(2)

    def apply(self, batch: PairBatch, seen: Seen) -> PairBatch:
        """The batch with its weights changed."""
        return replace(batch, weight=batch.weight * self._factors(_distances(seen)))

    def observe(self, given: PairBatch, learned: PairBatch, seen: Seen) -> Tensor:
        """Adds the distances to those of this step."""
        counts, distances = given.weight > 0, _distances(seen)
        sums = torch.stack([(distances * counts).sum(), counts.sum()])
        self._step = self._step.to(sums) + sums
        return (self._factors(distances) * counts).sum()

    def finish(self, accelerator: Accelerator) -> None:
        """The step becomes the newest one of the past, over all its processes."""
        total = accelerator.reduce(self._step, reduction="sum")
        self._past = DECAY * self._past.to(total) + total
        self._step = torch.zeros_like(self._step)

    def state(self) -> dict[str, Tensor]:
        """The decayed sums."""
        return {STATE: self._past.cpu()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on with the mean of a checkpoint."""
        self._past = tensors[STATE].clone()

    def _factors(self, distances: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        distance, pairs = self._past.to(distances)
        if not pairs:
            return torch.ones_like(distances)
        return distance_weights(distances, distance / pairs)


def _distances(seen: Seen) -> Float[Tensor, " B"]:
    chosen, rejected = seen.states.float()
    distances: Tensor = (chosen - rejected).norm(dim=-1)
    return distances.mean(0)
