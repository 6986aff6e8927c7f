"""The training loop, on accelerate. It knows no subject: a source gives it steps, a step makes gradients of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import broadcast_object_list, gather_object  # type: ignore[import-untyped]
from torch import Tensor
from torch.optim import Optimizer

from rewardsmith.artifacts.terminal.progress import ProgressHandle, progress, say
from rewardsmith.engine.training.checkpoints import Checkpoint, Checkpoints
from rewardsmith.engine.training.interrupts import Interrupts
from rewardsmith.engine.training.meter import Line, Meter
from rewardsmith.engine.training.optimizers import make_optimizer, rate_factor, set_rates
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.engine.training.run_state import capture, restore
from rewardsmith.engine.training.subject import Counting, Source, Step, StepOutput
from rewardsmith.errors import InternalError, RunError

NAMED_ITEMS = 5


@runtime_checkable
class Log(Protocol):
    """Where lines go: ``MetricsLog``, or one with trackers beside it."""

    def cut_back(self, step: int) -> None:
        """The run goes on after this step: later lines are forgotten."""
        ...

    def log(self, **fields: Any) -> None:
        """One line."""
        ...


@dataclass(frozen=True)
class Moment:
    """An optimiser step that was just taken, as a watcher is told of it."""

    step: int
    """Steps taken so far."""
    epoch: float
    model: Any
    """Without its wrappers. A watcher may switch it to evaluation mode."""
    line: Line | None
    """The line of the log that the step wrote, if it wrote one."""


Watch = Callable[[Moment], str | None]
"""Called on all processes after every step, before its checkpoint: to evaluate, or to end the run early by giving the
reason. What the first process gives counts. A resumed run does not bring back what a watcher remembers."""


@dataclass(frozen=True)
class TrainOutcome:
    """What a run of the loop did."""

    num_steps: int
    """Optimiser steps taken, earlier parts of an interrupted run included."""
    counts: Mapping[str, int]
    """What the step counts (``Step.counted``), repeats included."""
    seconds: float
    last: Line
    """The last line of the log."""
    stopped: str | None = None
    """Why a watcher ended the run; None: it took all its steps."""

    def per_s(self, name: str) -> float:
        """Throughput over the whole run of one of ``counts``."""
        return self.counts[name] / self.seconds if self.seconds else 0.0


def train(
    model: Any,
    source: Source,
    step: Step,
    options: TrainOptions,
    accelerator: Accelerator,
    log: Log | None = None,
    checkpoints: Checkpoints | None = None,
    optimizer: Optimizer | None = None,
    watch: Watch | None = None,
    description: str = "Training",
    quiet: bool = False,
) -> TrainOutcome:
    """Trains a module in place; what it takes and gives is between it and the step.

    ``optimizer``: None for AdamW with the rate of ``options``; the groups of another one keep the ratio of their rates.
    With ``checkpoints`` the run goes on from the newest one, and on a CPU ends with the same bits as a run that was
    never interrupted. ``RunError`` names what a step was made of whose loss or gradient is not finite.
    """
    optimizer = make_optimizer(model, options, accelerator.device) if optimizer is None else optimizer
    own = set(model.parameters())
    if not all(parameter in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError("the optimiser has parameters that the module does not have: no checkpoint would keep them")
    model, optimizer = accelerator.prepare(model, optimizer)
    main = accelerator.is_main_process
    run = _Run(model, optimizer, source, step, accelerator, log if main else None, checkpoints)
    before = done = run.resume()
    with (
        progress(description, source.num_steps, quiet or not main) as bar,
        Interrupts() if run.saves_when_interrupted else nullcontext() as interrupts,
    ):
        bar.advance(before)
        for done, epoch, batches in run.steps(before):
            set_rates(optimizer, rate_factor(done - 1, source.num_steps, options))
            outputs = step.gradient(model, batches, accelerator)
            norm = step.clip(model, options.max_grad_norm, accelerator)
            _stop_unless_finite(outputs, batches, norm, done, run, accelerator)
            optimizer.step()
            optimizer.zero_grad()
            step.finish(accelerator)
            run.meter.add(outputs)
            bar.advance()
            due = done == source.num_steps or done % options.logging_steps == 0
            line = run.write_line(bar, done, epoch, norm) if due else None
            if watch is not None:
                with run.meter.paused():
                    reason = watch(Moment(done, epoch, run.module, line))
                run.stopped = broadcast_object_list([reason])[0]
            if run.stopped is not None and line is None:
                run.write_line(bar, done, epoch, norm)
            interrupted = interrupts is not None and interrupts.received is not None
            if run.due(done) or interrupted:
                run.save(done)
            if interrupts is not None:
                interrupts.act()
    model.eval()
    return TrainOutcome(done, run.meter.counts, run.meter.seconds, run.meter.line, run.stopped)


class _Run:
    """What a checkpoint holds, and when it is written."""

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        source: Source,
        step: Step,
        accelerator: Accelerator,
        log: Log | None,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.meter = Meter(step, accelerator)
        self.module, self._model = accelerator.unwrap_model(model), model
        self.source = source
        self.stopped: str | None = None
        self._step, self._optimizer = step, optimizer
        self._accelerator, self._log, self._checkpoints = accelerator, log, checkpoints

    @property
    def saves_when_interrupted(self) -> bool:
        # A signal reaches processes at different steps, and to save they have to meet.
        return self._checkpoints is not None and self._checkpoints.wanted and self._accelerator.num_processes == 1

    def steps(self, done: int) -> Iterator[tuple[int, float, list[Any]]]:
        """What is left of the run: the number of each step, the epoch reached after it, its micro-batches."""
        made = self.source.steps(done, self.module)
        for number in range(done + 1, self.source.num_steps + 1):
            if self.stopped is not None:
                return
            if isinstance(self.module, Counting):
                self.module.begin(number)
            found = next(made, None)
            if found is None:
                name = type(self.source).__name__
                raise InternalError(f"{name} ended after {number - 1} steps and had promised {self.source.num_steps}.")
            self._model.train()
            yield number, *found

    def write_line(self, bar: ProgressHandle, done: int, epoch: float, norm: Tensor) -> Line:
        """A line of the log, on all processes."""
        rate = self._optimizer.param_groups[0]["lr"]
        line = self.meter.read(step=done, epoch=epoch, learning_rate=rate, grad_norm=float(norm))
        bar.note(**{name: value for name in self._step.shown if (value := line.get(name)) is not None})
        if self._log is not None:
            self._log.log(**line)
        return line

    def due(self, done: int) -> bool:
        """After the step that ends the run too: what comes behind it (saving, evaluation) may fail, or be killed."""
        checkpoints, last = self._checkpoints, done == self.source.num_steps or self.stopped is not None
        return checkpoints is not None and checkpoints.wanted and (last or checkpoints.due(done))

    def save(self, done: int) -> None:
        assert self._checkpoints is not None
        learned = {"step": self._step.state(), "source": self.source.state()}
        parts = capture(self.module, self._optimizer.optimizer, learned, self._accelerator)
        state = {"meter": self.meter.state(), "stopped": self.stopped}
        if self._accelerator.is_main_process:
            self._checkpoints.save(done, parts, state)

    def resume(self) -> int:
        """Steps done before: 0 for a run that begins."""
        found: Checkpoint | None = self._checkpoints.newest() if self._checkpoints is not None else None
        found = broadcast_object_list([found])[0]  # one process decides which checkpoint is the newest whole one
        if self._log is not None:
            self._log.cut_back(found.step if found is not None else 0)
        if found is None:
            return 0
        restore(found, self.module, self._optimizer.optimizer, self._accelerator)
        for part, subject in (("step", self._step), ("source", self.source)):
            if found.has(part):
                subject.load_state(found.tensors(part))
        self.meter.load(found.state["meter"])
        self.stopped = found.state["stopped"]
        if self._accelerator.is_main_process:
            say(f"Going on from {found.path}, after {found.step:,} steps.")
        return found.step

    def last_good(self) -> str:
        return self._checkpoints.last_good() if self._checkpoints is not None else "No checkpoint had been saved."


def _stop_unless_finite(
    outputs: list[StepOutput], batches: list[Any], norm: Tensor, done: int, run: _Run, accelerator: Accelerator
) -> None:
    """Asks the device once a step; only a step that failed is looked at closely, on all processes if all know of it."""
    total = sum((output.loss for output in outputs), norm.to(outputs[0].loss))
    if math.isfinite(total.item()):
        return
    source = run.source
    everything = [name for batch in batches for name in source.names(batch)]
    guilty = [
        name
        for batch, output in zip(batches, outputs, strict=True)
        for name in source.names(batch, ~output.item_losses.isfinite())
    ]
    if not math.isfinite(float(norm)):  # that of the gradients of all processes, so each of them comes here
        guilty, everything = gather_object(guilty), gather_object(everything)
    named = guilty or everything
    what = "gradient" if not guilty and all(output.loss.isfinite() for output in outputs) else "loss"
    more = f" and {len(named) - NAMED_ITEMS} more" if len(named) > NAMED_ITEMS else ""
    raise RunError(
        f"step {done}: the {what} is not a finite number, for {len(named)} of {len(everything)} {source.items}: "
        f"{', '.join(named[:NAMED_ITEMS])}{more}. {run.last_good()} {source.advice}If it is all of them, the weights "
        f"have diverged: lower `{source.rates[0]}` or `{source.rates[1]}`."
    )
