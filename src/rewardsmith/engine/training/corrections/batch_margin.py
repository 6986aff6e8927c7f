"""A margin for all pairs that the model estimates itself (arXiv 2404.04932): the mean gap of its last steps.

    margin_i + (2 t_i - 1) * scale * max(0, mean gap)

The mean is sum w (2 t - 1) gap / sum w |2 t - 1| with the pairs' weights w, over past optimiser steps, recent ones
counting more; so it points where the labels point, a tie gets none, and swapping a pair changes nothing. It is of steps
that are over: no gradient flows into it. Below 0 it counts as 0, else a model that starts out wrong would be told to be
content with that. Where all targets are t > 0.5, gaps rest at logit(t) / (1 - (2 t - 1) scale). With a scale of 1 and
certain labels there is no such point: gaps grow with the margin.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch import Tensor

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.training.corrections.correction import Correction, Seen

DECAY = 0.9  # of what a step counts, from one step to the next: a memory of about ten
STATE = "batch_margin"


class BatchMargin(Correction):
    """``scale`` times the running mean gap; 0 in the first step."""

    metric = "batch_margin"
    """The margin that a certain label got, mean over pairs."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._past = torch.zeros(2)  # decayed sums over steps: weight times gap, weight
        self._step = torch.zeros(2)

    def apply(self, batch: PairBatch, seen: Seen) -> PairBatch:
        """The batch with its margin widened in the direction of each label."""
        self._to(batch.margin.device)
        return replace(batch, margin=batch.margin + (2 * batch.target - 1) * self._margin().to(batch.margin))

    def observe(self, given: PairBatch, learned: PairBatch, seen: Seen) -> Tensor:
        """Adds the gaps to those of this step."""
        lean = 2 * learned.target - 1
        sums = torch.stack([(given.weight * lean * seen.gap).sum(), (given.weight * lean.abs()).sum()])
        self._step = self._step + sums.to(self._step)
        return self._margin() * (given.weight > 0).sum()

    def finish(self, accelerator: Accelerator) -> None:
        """The step becomes the newest one of the past, over all its processes."""
        self._past = DECAY * self._past + accelerator.reduce(self._step, reduction="sum")
        self._step = torch.zeros_like(self._step)

    def state(self) -> dict[str, Tensor]:
        """The decayed sums."""
        return {STATE: self._past.cpu()}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on with the mean of a checkpoint."""
        self._past = tensors[STATE].clone()

    def _margin(self) -> Tensor:
        gaps, weight = self._past
        return self._scale * torch.where(weight > 0, gaps / weight.clamp(min=1e-30), 0.0).clamp(min=0.0)

    def _to(self, device: torch.device) -> None:
        kind = torch.float64 if device.type != "mps" else torch.float32
        self._past, self._step = self._past.to(device, kind), self._step.to(device, kind)
