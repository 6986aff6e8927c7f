"""What the stages of a round cost, and what they will."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from rewardsmith.artifacts.atomic import write_json
from rewardsmith.contracts.metrics.iterate import Stage, StageNumbers
from rewardsmith.engine.hardware.memory import max_memory_gib
from rewardsmith.workflows.loop.loop import Loop


@dataclass
class Cost:
    """Of a stage that is running."""

    tokens: int = 0


class Costs:
    """Of one round, kept in its folder."""

    def __init__(self, loop: Loop, number: int) -> None:
        self._loop, self._path = loop, loop.files.round(number).costs
        self.stages: list[StageNumbers] = []
        if self._path.is_file():
            self.stages = json.loads(self._path.read_text(encoding="utf-8"))
        self._before: list[StageNumbers] = []
        if number > 1:
            self._before = json.loads(loop.files.round(number - 1).costs.read_text(encoding="utf-8"))

    def forecast(self, stage: Stage) -> float | None:
        """Seconds, as in the round before."""
        return next((one["seconds"] for one in self._before if one["stage"] == stage), None)

    def forecast_words(self, stage: Stage) -> str:
        seconds = self.forecast(stage)
        return "" if seconds is None else f", about {seconds:.0f} s"

    @contextmanager
    def measured(self, stage: Stage) -> Iterator[Cost]:
        """Times what is inside; nothing is kept where it fails."""
        cost, began = Cost(), time.monotonic()
        yield cost
        self.stages.append(
            {
                "stage": stage,
                "forecast_s": self.forecast(stage),
                "forecast_tokens": None,
                "forecast_gib": None,
                "seconds": round(time.monotonic() - began, 2),
                "tokens": cost.tokens,
                "memory_gib": round(max_memory_gib(torch.device(self._loop.device)), 2),
            }
        )
        write_json(self._path, self.stages)
