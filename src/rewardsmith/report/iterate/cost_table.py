"""What the stages of a run of iterated RLHF cost, beside what was forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rewardsmith.contracts.metrics.iterate import IterateFindings, Stage, StageNumbers
from rewardsmith.report.numbers import MISSING, count, decimal, duration

STAGES: dict[Stage, str] = {
    "sample": "sample",
    "label": "label",
    "adapt": "adapt the reward model",
    "look": "look at it",
    "improve": "improve the policy",
    "evaluate": "evaluate",
}


@dataclass(frozen=True)
class CostRow:
    """A stage: time of each round and of all, tokens of all, peak memory; in brackets what was forecast."""

    stage: str
    rounds: tuple[str, ...]
    total: str
    tokens: str
    memory: str


def cost_rows(metrics: IterateFindings) -> list[CostRow]:
    """Stages that some round had, then all of them together."""
    by_round = [{stage["stage"]: stage for stage in each["stages"]} for each in metrics["rounds"]]
    rows = []
    for stage, name in STAGES.items():
        found = [stages.get(stage) for stages in by_round]
        if any(found):
            rows.append(_cost_row(name, [[one] if one else [] for one in found]))
    if rows:
        rows.append(_cost_row("all", [each["stages"] for each in metrics["rounds"]]))
    return rows


def _cost_row(name: str, by_round: list[list[StageNumbers]]) -> CostRow:
    every = [stage for stages in by_round for stage in stages]
    return CostRow(
        stage=name,
        rounds=tuple(_time(stages) for stages in by_round),
        total=_time(every),
        tokens=_with_forecast([stage["tokens"] for stage in every], [stage["forecast_tokens"] for stage in every], sum),
        memory=_with_forecast(
            [stage["memory_gib"] for stage in every], [stage["forecast_gib"] for stage in every], max, _gib
        ),
    )


def _time(stages: list[StageNumbers]) -> str:
    took, forecasts = [stage["seconds"] for stage in stages], [stage["forecast_s"] for stage in stages]
    return _with_forecast(took, forecasts, sum, duration)


def _with_forecast(
    found: Sequence[float],
    forecasts: Sequence[float | None],
    together: Callable[[Sequence[float]], float],
    words: Callable[[float], str] = count,
) -> str:
    """``12 s (10 s)``: found, and what was forecast where that was done for each; a dash where there is nothing."""
    if not found:
        return MISSING
    told = [forecast for forecast in forecasts if forecast is not None]
    said = words(together(found))
    return f"{said} ({words(together(told))})" if len(told) == len(forecasts) else said


def _gib(memory: float) -> str:
    return f"{decimal(memory, 1)} GiB"
