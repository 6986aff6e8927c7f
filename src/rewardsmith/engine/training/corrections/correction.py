"""Corrections: supervision that a model changes while it learns, by what it says of the pairs itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.pair_batches import PairBatch


@dataclass(frozen=True)
class Seen:
    """What a model gives for the pairs of a batch, without a graph."""

    gap: Float[Tensor, " B"]
    """The mean of all views."""
    states: Float[Tensor, "2 V B D"]
    """What the head reads, of chosen and of rejected."""


class Correction(ABC):
    """State of a run that decides what its pairs teach. It changes only between optimiser steps, for all processes."""

    metric: ClassVar[str]
    """What ``observe`` sums up, as it is called in the log."""

    @abstractmethod
    def apply(self, batch: PairBatch, seen: Seen) -> PairBatch:
        """The batch as it is to be learned, by what the model gives; no gradient flows through what was changed."""

    @abstractmethod
    def observe(self, given: PairBatch, learned: PairBatch, seen: Seen) -> Tensor:
        """Takes note of what the model gives; the sum over pairs of weight of what is logged as ``metric``."""

    def finish(self, accelerator: Accelerator) -> None:
        """All micro-batches of an optimiser step were seen. Every process calls it."""

    def relabelled(self, pairs: EncodedPairs) -> EncodedPairs:
        """The pairs of the run with the labels that it has come to."""
        return pairs

    def state(self) -> dict[str, Tensor]:
        """Everything the next step depends on, the same on all processes."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``, which may hold other corrections' tensors too."""
