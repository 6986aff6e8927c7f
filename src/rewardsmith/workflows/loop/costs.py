"""What the stages of a round cost, and what they will: by a round in small first, then by the round before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.contracts.metrics.iterate import Stage, StageNumbers
from rewardsmith.engine.hardware.memory import max_memory_gib
from rewardsmith.engine.training.loop import TrainOutcome
from rewardsmith.report.numbers import duration

STAGES: tuple[Stage, ...] = ("sample", "label", "adapt", "look", "improve", "evaluate")


@dataclass(frozen=True)
class Spent:
    """What a stage says of itself."""

    tokens: int = 0
    """Written by the policy or learned from."""
    seconds_before: float = 0.0
    """In earlier sittings, as far as a checkpoint knows."""

    @classmethod
    def of(cls, outcome: TrainOutcome, seconds: float) -> Spent:
        """Of a training whose last sitting took so long."""
        return cls(outcome.counts["tokens"], max(0.0, outcome.seconds - seconds))


@dataclass(frozen=True)
class Expected:
    """Of one stage."""

    seconds: float
    tokens: int
    memory_gib: float


Forecast = Mapping[Stage, Expected]


class Costs:
    """Of one round, kept in its folder as they arise."""

    def __init__(self, path: Path, device: str, forecast: Forecast) -> None:
        self._path, self._device, self._forecast = path, device, forecast
        self.stages: list[StageNumbers] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def measured(self, stage: Stage, run: Callable[[], Spent]) -> None:
        """Runs a stage and notes what it took; nothing where it fails."""
        began = time.monotonic()
        spent = run()
        expected = self._forecast.get(stage)
        self.stages.append(
            {
                "stage": stage,
                "forecast_s": None if expected is None else round(expected.seconds, 2),
                "forecast_tokens": None if expected is None else expected.tokens,
                "forecast_gib": None if expected is None else expected.memory_gib,
                "seconds": round(time.monotonic() - began + spent.seconds_before, 2),
                "tokens": spent.tokens,
                "memory_gib": round(max_memory_gib(torch.device(self._device)) or 0.0, 2),
            }
        )
        write_json(self._path, self.stages)


def as_spent(stages: Sequence[StageNumbers]) -> Forecast:
    """A round like this one again."""
    return {one["stage"]: Expected(one["seconds"], one["tokens"], one["memory_gib"]) for one in stages}


def scaled(forecast: Forecast, growth: Mapping[Stage, float]) -> Forecast:
    """The same with so many times as much to do."""
    return {
        stage: Expected(one.seconds * growth[stage], round(one.tokens * growth[stage]), one.memory_gib)
        for stage, one in forecast.items()
    }


def extrapolated(
    rounds: Sequence[Sequence[StageNumbers]], work: Sequence[Mapping[Stage, float]], whole: Mapping[Stage, float]
) -> Forecast:
    """From two rounds in small: seconds and tokens as lines through both. ``work`` of the two, and of the ``whole``.

    Where the larger one was the quicker, what a piece of it took counts for all. Memory is that of a step, whose size
    is the same in all of them.
    """
    forecast: dict[Stage, Expected] = {}
    for small, larger in zip(*rounds, strict=True):
        stage = small["stage"]
        sizes = *(each[stage] for each in work), whole[stage]
        seconds = _line(small["seconds"], larger["seconds"], *sizes)
        tokens = _line(small["tokens"], larger["tokens"], *sizes)
        forecast[stage] = Expected(seconds, round(tokens), larger["memory_gib"])
    return forecast


def _line(at_low: float, at_high: float, low: float, high: float, whole: float) -> float:
    if at_high <= at_low or high <= low:
        return at_high * whole / high
    return at_high + (at_high - at_low) / (high - low) * (whole - high)


def in_words(forecast: Forecast) -> str:
    """``sample 3 s, adapt 20 s``."""
    return ", ".join(f"{stage} {duration(forecast[stage].seconds)}" for stage in STAGES if stage in forecast)
