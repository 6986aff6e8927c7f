"""Corrections: supervision that a model changes while it learns, by what it says of the pairs itself."""

from __future__ import annotations

from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.pair_batches import PairBatch


class Correction(Protocol):
    """State of a run that decides what its pairs teach. It changes only between optimiser steps, for all processes."""

    metric: str
    """What ``observe`` sums up, as it is called in the log."""

    def apply(self, batch: PairBatch, gap: Float[Tensor, " B"]) -> PairBatch:
        """The batch as it is to be learned, by detached gaps; no gradient flows through what was changed."""
        ...

    def observe(self, given: PairBatch, learned: PairBatch, gap: Float[Tensor, " B"]) -> Tensor:
        """Takes note of detached gaps; gives the sum over pairs of weight of what is logged as ``metric``."""
        ...

    def finish_step(self, accelerator: Any) -> None:
        """All micro-batches of an optimiser step were seen. Every process calls it."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything the next step depends on, the same on all processes."""
        ...

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``, which may hold other corrections' tensors too."""
        ...
