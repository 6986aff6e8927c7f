"""The training loop, on accelerate. Its only moving part is the step; batches come ready from a loader."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import broadcast_object_list, gather_object  # type: ignore[import-untyped]
from torch.distributed.tensor import DTensor

from rewardsmith.artifacts.progress import progress, say
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.engine.batches.pair_batches import PairBatch
from rewardsmith.engine.hardware.memory import max_memory_gib
from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.engine.training.interrupts import Interrupts
from rewardsmith.engine.training.optimizers import make_optimizer, rate_factor, set_rate
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.run_state import capture, restore
from rewardsmith.engine.training.steps import Step, StepOutput
from rewardsmith.errors import RunError

NAMED_PAIRS = 5


class Loader(Protocol):
    """Optimiser steps as micro-batches of this process, each with the epoch reached after it."""

    pairs: EncodedPairs
    num_steps: int

    def from_step(self, step: int) -> Iterator[tuple[float, list[PairBatch]]]:
        """The steps after the first ``step`` ones: the same as in a run from the start."""
        ...


class Log(Protocol):
    """Where lines go: ``MetricsLog``, or one with trackers beside it."""

    def cut_back(self, step: int) -> None:
        """The run goes on after this step: later lines are forgotten."""
        ...

    def log(self, **fields: Any) -> None:
        """One line."""
        ...


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
    log: Log | None = None,
    checkpoints: Checkpoints | None = None,
) -> TrainOutcome:
    """Trains a module in place; what it takes and gives is between it and the step.

    ``RunError`` names the pairs of a step whose loss or gradient is not finite.

    The loss of a step is a mean over the weight of all its micro-batches on all processes, so neither accumulation nor
    the number of processes changes what is learned. With ``checkpoints`` the run goes on from the newest one, and on a
    CPU ends with the same bits as a run that was never interrupted.
    """
    model, optimizer = accelerator.prepare(model, make_optimizer(model, options, accelerator.device))
    run = _Run(model, optimizer, step, accelerator, checkpoints)
    done = run.resume()
    if log is not None and accelerator.is_main_process:
        log.cut_back(done)
    model.train()
    with (
        progress("Training", loader.num_steps, quiet=not accelerator.is_main_process) as bar,
        Interrupts() if run.saves_when_interrupted else nullcontext() as interrupts,
    ):
        bar.advance(done)
        for number, (epoch, batches) in enumerate(loader.from_step(done), start=done + 1):
            rate = options.learning_rate * rate_factor(number - 1, loader.num_steps, options)
            set_rate(optimizer, rate)
            step.begin(number)
            outputs = _accumulate(model, batches, step, accelerator)
            norm = _clip(model, options.max_grad_norm, accelerator)
            _stop_unless_finite(outputs, batches, norm, number, loader.pairs, run.last_good(), accelerator)
            optimizer.step()
            optimizer.zero_grad()
            step.finish_step(accelerator)
            run.meter.add(outputs)
            bar.advance()
            if number % options.logging_steps == 0 or number == loader.num_steps:
                line = run.meter.read(step=number, epoch=epoch, learning_rate=rate, grad_norm=float(norm))
                bar.note(
                    **{name: line[name] for name in ("loss", "accuracy", "pairs_per_s") if line.get(name) is not None}
                )
                if log is not None and accelerator.is_main_process:
                    log.log(**line)
            interrupted = interrupts is not None and interrupts.received is not None
            if run.due(number, last=number == loader.num_steps) or interrupted:
                run.save(number)
            if interrupts is not None:
                interrupts.act()
    model.eval()
    return TrainOutcome(loader.num_steps, run.meter.num_pairs, run.meter.seconds, run.meter.line)


class _Run:
    """What a checkpoint holds, and when it is written."""

    def __init__(
        self, model: Any, optimizer: Any, step: Step, accelerator: Accelerator, checkpoints: Checkpoints | None
    ) -> None:
        self.meter = _Meter(step, accelerator)
        self._step = step
        self._module = accelerator.unwrap_model(model)
        self._optimizer = optimizer.optimizer
        self._accelerator, self._checkpoints = accelerator, checkpoints

    @property
    def saves_when_interrupted(self) -> bool:
        # A signal reaches processes at different steps, and to save they have to meet.
        return self._checkpoints is not None and self._checkpoints.wanted and self._accelerator.num_processes == 1

    def due(self, number: int, last: bool) -> bool:
        """After the last step too: what comes behind it (saving, evaluation) may fail, or be killed."""
        checkpoints = self._checkpoints
        return checkpoints is not None and checkpoints.wanted and (last or checkpoints.due(number))

    def save(self, number: int) -> None:
        assert self._checkpoints is not None
        parts = capture(self._module, self._optimizer, self._step.state(), self._accelerator)
        state = {"meter": self.meter.state()}
        if self._accelerator.is_main_process:
            self._checkpoints.save(number, parts, state)

    def resume(self) -> int:
        """Steps done before: 0 for a run that begins."""
        found = self._checkpoints.newest() if self._checkpoints is not None else None
        found = broadcast_object_list([found])[0]  # one process decides which checkpoint is the newest whole one
        if found is None:
            return 0
        restore(found, self._module, self._optimizer, self._accelerator)
        if self._step.state():
            self._step.load_state(found.tensors("step"))
        self.meter.load(found.state["meter"])
        if self._accelerator.is_main_process:
            say(f"Going on from {found.path}, after {found.step:,} steps.")
        return int(found.step)

    def last_good(self) -> Callable[[], str]:
        return self._checkpoints.last_good if self._checkpoints is not None else lambda: "Nothing was saved."


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
    if isinstance(norm, DTensor):
        norm = norm.full_tensor()
    return torch.zeros(()) if norm is None else torch.as_tensor(norm).detach()


def _stop_unless_finite(
    outputs: list[StepOutput],
    batches: list[PairBatch],
    norm: torch.Tensor,
    number: int,
    pairs: EncodedPairs,
    last_good: Callable[[], str],
    accelerator: Accelerator,
) -> None:
    """Asks the device once a step; only a step that failed is looked at closely, on all processes if all know of it."""
    total = sum((output.loss.detach() for output in outputs), norm.to(outputs[0].loss))
    if math.isfinite(total.item()):
        return
    losses = [loss for output in outputs for loss in output.per_pair_loss.tolist()]
    indices = [int(index) for batch in batches for index in batch.indices]
    guilty = [index for index, loss in zip(indices, losses, strict=True) if not math.isfinite(loss)]
    if not math.isfinite(float(norm)):  # that of the gradients of all processes, so each of them comes here
        guilty, indices = gather_object(guilty), gather_object(indices)
    what = "loss" if guilty else "gradient"
    named = guilty or indices
    places = ", ".join(f"row {pairs.row[i]} ({pairs.pair_id[i][:12]})" for i in named[:NAMED_PAIRS])
    more = f" and {len(named) - NAMED_PAIRS} more" if len(named) > NAMED_PAIRS else ""
    raise RunError(
        f"step {number}: the {what} is not a finite number, for {len(named)} of {len(indices)} pairs: {places}{more}. "
        f"{last_good()} Look at these pairs (margin, length, characters); if it is all of them, the weights have "
        "diverged: lower --learning_rate or --max_grad_norm."
    )


class _Meter:
    """Adds up totals on the device and turns them into a line of the log when asked."""

    def __init__(self, step: Step, accelerator: Accelerator) -> None:
        self._step, self._accelerator = step, accelerator
        self._totals: dict[str, torch.Tensor] = {}
        self._started = self._read = time.perf_counter()
        self.num_pairs = 0
        self._seconds_before = 0.0
        self.line: dict[str, float | None] = {}

    def add(self, outputs: list[StepOutput]) -> None:
        for output in outputs:
            for name, value in output.totals.items():
                value = value.to(torch.float64 if value.device.type != "mps" else torch.float32)
                self._totals[name] = self._totals[name] + value if name in self._totals else value

    def read(self, **position: float) -> dict[str, float | None]:
        """Metrics since the last call, over all processes."""
        totals = self._summed()
        self._totals = {}
        now = time.perf_counter()
        seconds, self._read = now - self._read, now
        self.num_pairs += int(totals["num_pairs"])
        speed = {
            name: totals[f"num_{what}"] / seconds
            for name, what in (("pairs_per_s", "pairs"), ("tokens_per_s", "tokens"))
        }
        memory = max_memory_gib(self._accelerator.device)
        self.line = {**position, **self._step.metrics(totals), **speed, "max_memory_gib": memory}
        return self.line

    @property
    def seconds(self) -> float:
        """Time spent on training, earlier parts of an interrupted run included."""
        return self._seconds_before + time.perf_counter() - self._started

    def state(self) -> dict[str, Any]:
        """What a resumed run has to know, over all processes."""
        return {
            "totals": self._summed(),
            "seconds_of_totals": time.perf_counter() - self._read,
            "num_pairs": self.num_pairs,
            "seconds": self.seconds,
            "line": self.line,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from ``state``, whose totals one process keeps for all."""
        share = 1.0 if self._accelerator.is_main_process else 0.0
        device = self._accelerator.device
        kind = torch.float64 if device.type != "mps" else torch.float32
        self._totals = {
            name: torch.tensor(share * value, dtype=kind, device=device) for name, value in state["totals"].items()
        }
        self._read = time.perf_counter() - state["seconds_of_totals"]
        self.num_pairs, self._seconds_before, self.line = state["num_pairs"], state["seconds"], state["line"]

    def _summed(self) -> dict[str, float]:
        names = sorted(self._totals)
        if not names:
            return {}
        summed = self._accelerator.reduce(torch.stack([self._totals[name] for name in names]), reduction="sum")
        return dict(zip(names, summed.tolist(), strict=True))
