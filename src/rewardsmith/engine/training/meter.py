"""Totals of a run, added up on the device and turned into a line of the log when asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]

from rewardsmith.engine.hardware.memory import max_memory_gib
from rewardsmith.engine.training.subject import Step, StepOutput

Line = dict[str, int | float | None]
"""A line of the log: names and numbers."""


class Meter:
    """What a step counts, over all processes and over interruptions."""

    def __init__(self, step: Step, accelerator: Accelerator) -> None:
        self.counts: dict[str, int] = dict.fromkeys(step.counted, 0)
        """Of the whole run, up to the last line."""
        self.line: Line = {}
        """The last one."""
        self._step, self._accelerator = step, accelerator
        self._totals: dict[str, torch.Tensor] = {}
        self._started = self._read = time.perf_counter()
        self._seconds_before = 0.0
        self._kind = torch.float64 if accelerator.device.type != "mps" else torch.float32

    @property
    def seconds(self) -> float:
        """Time spent on training, earlier parts of an interrupted run included."""
        return self._seconds_before + time.perf_counter() - self._started

    def add(self, outputs: Sequence[StepOutput]) -> None:
        """The micro-batches of one optimiser step."""
        for output in outputs:
            for name, value in output.totals.items():
                value = value.to(self._accelerator.device, self._kind)
                self._totals[name] = self._totals[name] + value if name in self._totals else value

    def read(self, **position: float) -> Line:
        """A line of the log: metrics since the last one, over all processes."""
        totals = self._summed()
        self._totals = {}
        now = time.perf_counter()
        seconds, self._read = max(now - self._read, 1e-9), now
        speed = {}
        for name in self._step.counted:
            self.counts[name] += int(totals[f"num_{name}"])
            speed[f"{name}_per_s"] = totals[f"num_{name}"] / seconds
        memory = max_memory_gib(self._accelerator.device)
        self.line = {**position, **self._step.metrics(totals), **speed, "max_memory_gib": memory}
        return self.line

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time within it is no time of training."""
        left = time.perf_counter()
        yield
        away = time.perf_counter() - left
        self._started += away
        self._read += away

    def state(self) -> dict[str, Any]:
        """What a resumed run has to know, over all processes."""
        return {
            "totals": self._summed(),
            "seconds_of_totals": time.perf_counter() - self._read,
            "counts": self.counts,
            "seconds": self.seconds,
            "line": self.line,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from ``state``, whose totals one process keeps for all."""
        share = 1.0 if self._accelerator.is_main_process else 0.0
        device = self._accelerator.device
        self._totals = {
            name: torch.tensor(share * value, dtype=self._kind, device=device)
            for name, value in state["totals"].items()
        }
        self._read = time.perf_counter() - state["seconds_of_totals"]
        self.counts, self._seconds_before, self.line = state["counts"], state["seconds"], state["line"]

    def _summed(self) -> dict[str, float]:
        names = sorted(self._totals)
        if not names:
            return {}
        summed = self._accelerator.reduce(torch.stack([self._totals[name] for name in names]), reduction="sum")
        return dict(zip(names, summed.tolist(), strict=True))
