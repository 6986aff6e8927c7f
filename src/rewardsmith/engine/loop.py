"""The training loop, on accelerate. Its only moving part is the step; batches come ready from a loader."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]

from rewardsmith.artifacts.metrics_log import MetricsLog
from rewardsmith.artifacts.progress import progress
from rewardsmith.engine.options import TrainOptions
from rewardsmith.engine.pair_batches import EncodedPairs, PairBatch
from rewardsmith.engine.steps import Step, StepOutput
from rewardsmith.errors import RunError

NAMED_PAIRS = 5


class Loader(Protocol):
    """Optimiser steps as micro-batches of this process, each with the epoch reached after it."""

    pairs: EncodedPairs
    num_steps: int

    def __iter__(self) -> Iterator[tuple[float, list[PairBatch]]]: ...


@dataclass(frozen=True)
class TrainOutcome:
    """What a run of the loop did."""

    num_steps: int
    num_pairs: int
    """Pairs seen, repeats included."""
    seconds: float
    last: dict[str, float | None]
    """The last line of the log."""

    @property
    def pairs_per_s(self) -> float:
        """Throughput over the whole run."""
        return self.num_pairs / self.seconds if self.seconds else 0.0


def train(
    model: Any,
    loader: Loader,
    step: Step,
    options: TrainOptions,
    accelerator: Accelerator,
    log: MetricsLog | None = None,
) -> TrainOutcome:
    """Trains a module in place; what it takes and gives is between it and the step.

    ``RunError`` names the pairs of a step whose loss or gradient is not finite.

    The loss of a step is a mean over the weight of all its micro-batches on all processes, so neither accumulation nor
    the number of processes changes what is learned.
    """
    optimizer = torch.optim.AdamW(parameter_groups(model, options.weight_decay), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: rate_factor(done, loader.num_steps, options))
    model, optimizer = accelerator.prepare(model, optimizer)
    model.train()
    meter = _Meter(step, accelerator)
    with progress("Training", loader.num_steps, quiet=not accelerator.is_main_process) as bar:
        for number, (epoch, batches) in enumerate(loader, start=1):
            rate = float(schedule.get_last_lr()[0])
            outputs = _accumulate(model, batches, step, accelerator)
            norm = _clip(model, options.max_grad_norm, accelerator)
            _stop_unless_finite(outputs, batches, norm, number, loader.pairs)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            meter.add(outputs)
            bar.advance()
            if number % options.logging_steps == 0 or number == loader.num_steps:
                line = meter.read(step=number, epoch=epoch, learning_rate=rate, grad_norm=float(norm))
                bar.note(
                    **{name: line[name] for name in ("loss", "accuracy", "pairs_per_s") if line.get(name) is not None}
                )
                if log is not None and accelerator.is_main_process:
                    log.log(**line)
    model.eval()
    return TrainOutcome(loader.num_steps, meter.num_pairs, meter.seconds, meter.line)


def parameter_groups(model: Any, weight_decay: float) -> list[dict[str, Any]]:
    """Trainable parameters; only matrices decay, since pulling biases and norms to zero has no meaning."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


def rate_factor(num_done: int, num_steps: int, options: TrainOptions) -> float:
    """Share of the peak learning rate in the step after ``num_done``: never 0, so that no step is for nothing."""
    num_warmup = math.ceil(options.warmup_ratio * num_steps)
    if num_done < num_warmup:
        return (num_done + 1) / num_warmup
    left = (num_steps - num_done) / max(1, num_steps - num_warmup)
    shapes = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}
    return shapes[options.lr_scheduler_type]


def _accumulate(model: Any, batches: list[PairBatch], step: Step, accelerator: Accelerator) -> list[StepOutput]:
    """Gradients of all micro-batches; processes exchange them once, with the last."""
    outputs = []
    for position, batch in enumerate(batches, start=1):
        if position < len(batches):
            with accelerator.no_sync(model):
                outputs.append(_one(model, batch, step, accelerator))
        else:
            outputs.append(_one(model, batch, step, accelerator))
    return outputs


def _one(model: Any, batch: PairBatch, step: Step, accelerator: Accelerator) -> StepOutput:
    output = step(model, batch.to(accelerator.device))
    # Each process has its share of one sum, but gradients are averaged over processes.
    accelerator.backward(output.loss * accelerator.num_processes)
    return output


def _clip(model: Any, max_norm: float, accelerator: Accelerator) -> torch.Tensor:
    norm = accelerator.clip_grad_norm_(model.parameters(), max_norm if max_norm > 0 else math.inf)
    return torch.zeros(()) if norm is None else torch.as_tensor(norm).detach()


def _stop_unless_finite(
    outputs: list[StepOutput], batches: list[PairBatch], norm: torch.Tensor, number: int, pairs: EncodedPairs
) -> None:
    """Asks the device once a step; only a step that failed is looked at closely."""
    total = sum((output.loss.detach() for output in outputs), norm.to(outputs[0].loss))
    if math.isfinite(total.item()):
        return
    losses = [loss for output in outputs for loss in output.per_pair_loss.tolist()]
    indices = [int(index) for batch in batches for index in batch.indices]
    guilty = [index for index, loss in zip(indices, losses, strict=True) if not math.isfinite(loss)]
    what = "loss" if guilty else "gradient"
    named = guilty or indices
    places = ", ".join(f"row {pairs.row[i]} ({pairs.pair_id[i][:12]})" for i in named[:NAMED_PAIRS])
    more = f" and {len(named) - NAMED_PAIRS} more" if len(named) > NAMED_PAIRS else ""
    raise RunError(
        f"step {number}: the {what} is not a finite number, for {len(named)} of {len(indices)} pairs: {places}{more}. "
        "Nothing was saved. Look at these pairs (margin, length, characters); if it is all of them, the weights have "
        "diverged: lower --learning_rate or --max_grad_norm."
    )


class _Meter:
    """Adds up totals on the device and turns them into a line of the log when asked."""

    def __init__(self, step: Step, accelerator: Accelerator) -> None:
        self._step, self._accelerator = step, accelerator
        self._totals: dict[str, torch.Tensor] = {}
        self._started = self._read = time.perf_counter()
        self.num_pairs = 0
        self.seconds = 0.0
        self.line: dict[str, float | None] = {}

    def add(self, outputs: list[StepOutput]) -> None:
        for output in outputs:
            for name, value in output.totals.items():
                value = value.to(torch.float64 if value.device.type != "mps" else torch.float32)
                self._totals[name] = self._totals[name] + value if name in self._totals else value

    def read(self, **position: float) -> dict[str, float | None]:
        """Metrics since the last call, over all processes."""
        names = sorted(self._totals)
        summed = self._accelerator.reduce(torch.stack([self._totals[name] for name in names]), reduction="sum")
        totals = dict(zip(names, summed.tolist(), strict=True))
        self._totals = {}
        now = time.perf_counter()
        seconds, self._read, self.seconds = now - self._read, now, now - self._started
        self.num_pairs += int(totals["num_pairs"])
        speed = {
            name: totals[f"num_{what}"] / seconds
            for name, what in (("pairs_per_s", "pairs"), ("tokens_per_s", "tokens"))
        }
        self.line = {**position, **self._step.metrics(totals), **speed}
        return self.line
