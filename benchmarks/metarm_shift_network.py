"""A small reward network, and the steps of the training loop that it learns by (see metarm_shift.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from metarm_shift_record import Shift
from torch import Tensor, nn

from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.pair_source import steps_of_epoch
from rewardsmith.engine.training.subject import Source
from rewardsmith.models.layers.heads import RewardOutput

NUM_HIDDEN, STEP_SIZE, NUM_EPOCHS = 64, 64, 2


@dataclass(frozen=True)
class Rows:
    """Features in the place of tokens."""

    values: Float[Tensor, "N D"]

    @property
    def num_tokens(self) -> int:
        return len(self.values)

    def to(self, device: torch.device | str) -> Rows:
        return Rows(self.values.to(device))


class Network(nn.Module):
    """r(x) = v . relu(W x + b)"""

    def __init__(self, num_features: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.inner, self.head = nn.Linear(num_features, NUM_HIDDEN), nn.Linear(NUM_HIDDEN, 1, bias=False)

    def forward(self, inputs: Rows) -> RewardOutput:
        states = self.inner(inputs.values).relu()
        return RewardOutput(self.head(states)[:, 0], states)

    @torch.no_grad()
    def rewards(self, values: Float[Tensor, "... D"]) -> Float[Tensor, ...]:
        return self(Rows(values.flatten(0, -2))).rewards.view(values.shape[:-1])


class ShiftSource(Source):
    """Each step: some samples, then some pairs. The order is that of the seed, whatever is done with them."""

    def __init__(self, shift: Shift, seed: int, teacher: Callable[[Tensor], Tensor]) -> None:
        self._shift, self._seed = shift, seed
        self._said = teacher(shift.samples)
        self._epoch = -(-len(shift.chosen) // STEP_SIZE)
        self.num_steps = NUM_EPOCHS * self._epoch

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Any]]]:
        pairs, samples = (self._drawn(len(values)) for values in (self._shift.chosen, self._shift.samples))
        for number in range(self.num_steps):
            yield (number + 1) / self._epoch, [self._sample_batch(next(samples)), self._pair_batch(next(pairs))]

    def _drawn(self, num: int) -> Iterator[Any]:
        for epoch in range(10**6):
            yield from steps_of_epoch(np.ones(num, dtype=np.int64), STEP_SIZE, self._seed, epoch, by_length=False)

    def _pair_batch(self, rows: Any) -> PairBatch:
        sides = torch.cat([self._shift.chosen[rows], self._shift.rejected[rows]])
        ones = torch.ones(len(rows))
        return PairBatch(Rows(sides), ones, 0 * ones, ones, float(len(rows)), rows)  # type: ignore[arg-type]

    def _sample_batch(self, rows: Any) -> SampleBatch:
        values, counts = self._shift.samples[rows], torch.ones(len(rows), dtype=torch.bool)
        return SampleBatch(Rows(values.flatten(0, 1)), self._said[rows], counts, len(rows), rows)  # type: ignore[arg-type]

    def names(self, batch: Any, which: Tensor | None = None) -> list[str]:
        return [str(i) for i in batch.indices.tolist()]
