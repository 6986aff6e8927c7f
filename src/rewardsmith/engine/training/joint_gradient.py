"""The gradient of a function that reads what all micro-batches of an optimiser step give, on all processes.

Such a function (a contrast of states, a spread over a standard deviation) is no sum over micro-batches, so how a step
is cut would change it. Here it never does. Where a process has its step in one micro-batch, the model is run once.
Where it has several, it is run twice (gradient caching, Gao et al. 2021, arXiv 2101.06983): without a graph for the
values, then for the gradient, each micro-batch by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from jaxtyping import Bool, Shaped
from torch import Tensor

from rewardsmith.engine.training.subject import StepOutput, accumulate

O = TypeVar("O")  # noqa: E741 - what the model gives


@dataclass(frozen=True)
class Rows:
    """What a micro-batch gives to the function: one row an item, and which of them count."""

    values: Shaped[Tensor, "n ..."]
    counts: Bool[Tensor, " n"]
    """Copies that only fill up the batches of a process do not."""


def accumulate_jointly(
    model: Any,
    batches: Sequence[Any],
    run: Callable[[Any, Any], O],
    rows: Callable[[O, Any], Rows],
    objective: Callable[[Shaped[Tensor, "N ..."]], Tensor],
    own: Callable[[O, Any], StepOutput],
    accelerator: Accelerator,
) -> tuple[list[StepOutput], Tensor]:
    """Adds up the gradient of ``objective`` of all rows that count, and of the losses that micro-batches have alone.

    ``run`` calls the model on a micro-batch; ``rows`` and ``own`` read what it gave. Gives the outputs of ``own`` and
    the objective's value, which is the same on all processes. What else the objective reads (prototypes) gets its
    gradient as from ``backward``. Random numbers are drawn as by one run of the model.
    """
    kept: list[O] = []
    if len(batches) == 1:
        batches = [batches[0].to(accelerator.device)]
        kept = [run(model, batches[0])]
        found = [_detached(rows(kept[0], batches[0]))]
    else:
        with torch.no_grad(), same_draws_again(accelerator), accelerator.no_sync(model):
            moved = (batch.to(accelerator.device) for batch in batches)
            found = [_detached(rows(run(model, batch), batch)) for batch in moved]
    value, gradients = _gradients(found, objective, accelerator)
    remaining = iter(gradients)

    def loss(model: Any, batch: Any) -> StepOutput:
        output = kept[0] if kept else run(model, batch)
        shares = own(output, batch)
        pull = (rows(output, batch).values * next(remaining)).sum()
        return replace(shares, loss=shares.loss + pull - pull.detach())

    return accumulate(model, batches, loss, accelerator), value


def _detached(rows: Rows) -> Rows:
    return Rows(rows.values.detach(), rows.counts)


def same_draws_again(accelerator: Accelerator) -> Any:
    """Within it random numbers may be drawn; afterwards the generators are where they were."""
    kind = accelerator.device.type
    devices = [accelerator.device] if kind != "cpu" else []
    return torch.random.fork_rng(devices=devices, device_type=kind if kind != "cpu" else "cuda")


def _gradients(
    found: Sequence[Rows], objective: Callable[[Tensor], Tensor], accelerator: Accelerator
) -> tuple[Tensor, list[Tensor]]:
    """The objective, and its gradient in the rows of each micro-batch of this process."""
    values = torch.cat([rows.values for rows in found])
    counts = torch.cat([rows.counts for rows in found])
    size = int(accelerator.gather(torch.tensor([len(values)], device=values.device)).max())
    padded = torch.cat([values, values.new_zeros(size - len(values), *values.shape[1:])])
    real = torch.cat([counts, counts.new_zeros(size - len(counts))])
    every, which = accelerator.gather(padded), accelerator.gather(real)
    every = every.requires_grad_()
    value = objective(every[which])
    value.backward()  # type: ignore[no-untyped-call]
    assert every.grad is not None
    begin = accelerator.process_index * size
    mine = every.grad[begin : begin + len(values)]
    return value.detach(), list(mine.split([len(rows.values) for rows in found]))
