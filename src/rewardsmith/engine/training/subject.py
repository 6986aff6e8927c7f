"""What the training loop asks of a subject: a source of optimiser steps, and a step that makes a gradient of each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch import Tensor
from torch.distributed.tensor import DTensor


class Source(ABC):
    """Optimiser steps as micro-batches, which nobody but the source and its step looks into."""

    num_steps: int
    """Optimiser steps of the whole run."""
    items: ClassVar[str] = "items"
    """What an error calls what a micro-batch is made of."""
    advice: ClassVar[str] = ""
    """What to look at where one of them has no finite loss."""
    rates: ClassVar[tuple[str, str]] = ("learning_rate", "max_grad_norm")
    """Options to lower where the weights diverge."""

    @abstractmethod
    def steps(self, done: int, model: Any) -> Iterator[tuple[float, list[Any]]]:
        """The steps after the first ``done`` ones: the epoch reached after each, and its micro-batches.

        A step is asked for once the one before it is taken, so a source may make it with ``model``, the module without
        its wrappers, and its newest weights; it makes none ahead. The loop puts the module back into training mode.
        Every process gets its own micro-batches, at least one, and as many as the others.
        """

    @abstractmethod
    def names(self, batch: Any, which: Tensor | None = None) -> list[str]:
        """What a micro-batch is made of, in words for an error. ``which``: a mask in the shape of the step's
        ``item_losses``; None: all of it."""

    def state(self) -> dict[str, Tensor]:
        """All that the steps to come depend on besides ``done``, the same on all processes."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``; called before ``steps``."""


@dataclass(frozen=True)
class StepOutput:
    """What one micro-batch gave. ``loss`` is its share of the optimiser step's loss: the shares add up to it."""

    loss: Tensor
    item_losses: Tensor
    """Detached; tells which items are at fault when a loss is not finite."""
    totals: dict[str, Tensor] = field(default_factory=dict)
    """Detached sums over the items, of the same names on all processes; the loop adds them up."""


@runtime_checkable
class Counting(Protocol):
    """A module that goes by the number of the optimiser step, as dropout does."""

    def begin(self, step: int) -> None:
        """What comes belongs to this optimiser step, counted from 1."""
        ...


class Step(ABC):
    """How the gradient of an optimiser step arises, what is counted, and what of it belongs in a checkpoint."""

    counted: ClassVar[tuple[str, ...]] = ()
    """X of each total ``num_X`` that is counted over the whole run; its speed is logged as ``X_per_s``."""
    shown: ClassVar[tuple[str, ...]] = ("loss",)
    """Metrics that stand beside the progress bar."""

    @abstractmethod
    def loss(self, model: Any, batch: Any) -> StepOutput:
        """Loss and totals of one micro-batch on its device, with the graph for its gradient."""

    @abstractmethod
    def metrics(self, totals: dict[str, float]) -> dict[str, float | None]:
        """What to log, from the totals of all micro-batches since the last line."""

    def gradient(self, model: Any, batches: Sequence[Any], accelerator: Accelerator) -> list[StepOutput]:
        """Leaves the gradient of one optimiser step in the parameters; gives an output for each micro-batch."""
        return accumulate(model, batches, self.loss, accelerator)

    def clip(self, model: Any, max_norm: float, accelerator: Accelerator) -> Tensor:
        """Scales gradients above ``max_norm`` down (0: leaves them); gives their norm before, which is logged.

        The norm is the same on all processes, and not finite where a gradient is not.
        """
        norm = accelerator.clip_grad_norm_(model.parameters(), max_norm if max_norm > 0 else math.inf)
        if isinstance(norm, DTensor):
            norm = norm.full_tensor()
        return torch.zeros(()) if norm is None else torch.as_tensor(norm).detach()

    def finish(self, accelerator: Accelerator) -> None:
        """After each optimiser step, on every process."""

    def state(self) -> dict[str, Tensor]:
        """What the step has learned besides the model's weights; the same on all processes."""
        return {}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state``."""


def accumulate(
    model: Any, batches: Sequence[Any], loss_of: Callable[[Any, Any], StepOutput], accelerator: Accelerator
) -> list[StepOutput]:
    """Adds up the gradients of micro-batches that have a ``to(device)``; processes exchange them once, with the last.

    Each process has its share of one sum, but gradients are averaged over processes: hence the factor.
    """
    outputs = []
    for position, batch in enumerate(batches, start=1):
        with nullcontext() if position == len(batches) else accelerator.no_sync(model):
            output = loss_of(model, batch.to(accelerator.device))
            accelerator.backward(output.loss * accelerator.num_processes)
        outputs.append(replace(output, loss=output.loss.detach()))
    return outputs
