"""Optimiser steps of two kinds of data: a meta batch of unlabelled samples before the pairs of each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from torch import Tensor

from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.meta.sample_source import SampleSource
from rewardsmith.engine.training.subject import Source


class MetaSource(Source):
    """The steps of another source, each with the micro-batches of a meta batch in front."""

    items: ClassVar[str] = "pairs and prompts"
    advice: ClassVar[str] = "Look at them (margin, length, characters). "

    def __init__(self, inner: Source, samples: SampleSource) -> None:
        self.inner, self.samples = inner, samples
        self.num_steps = inner.num_steps

    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Any]]]:
        for number, (epoch, batches) in enumerate(self.inner.steps(done, model), start=done):
            yield epoch, [*self.samples.batches(number), *batches]

    def names(self, batch: Any, which: Tensor | None = None) -> list[str]:
        subject = self.samples if isinstance(batch, SampleBatch) else self.inner
        return subject.names(batch, which)

    def state(self) -> dict[str, Tensor]:
        """That of the inner source: the samples are a function of seed and step."""
        return self.inner.state()

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self.inner.load_state(tensors)
