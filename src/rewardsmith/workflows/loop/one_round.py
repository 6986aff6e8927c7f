"""A round, stage by stage: what is there already is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import cast

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.metrics.iterate import RoundNumbers, Stage, StageNumbers
from rewardsmith.policy.rounds.stop_rules import stops_after
from rewardsmith.report.numbers import duration
from rewardsmith.workflows.loop.answers import sample
from rewardsmith.workflows.loop.costs import Costs, Forecast, Spent
from rewardsmith.workflows.loop.evaluation import evaluate, evaluated
from rewardsmith.workflows.loop.files import is_there
from rewardsmith.workflows.loop.labels import Waiting, label, label_numbers, waiting
from rewardsmith.workflows.loop.looks import chosen_samples, look, seen
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.policies import improve, path_from_first, path_of
from rewardsmith.workflows.loop.reward_models import adapt, is_trained, round_of_model

STAGES: dict[Stage, Callable[[Loop, int], Spent]] = {
    "sample": sample,
    "label": label,
    "adapt": adapt,
    "look": look,
    "improve": improve,
    "evaluate": evaluate,
}
"""In their order."""


def run_round(loop: Loop, number: int, forecast: Forecast) -> RoundNumbers | Waiting:
    """What the round did; it is found if it was done before."""
    folder = loop.files.round(number)
    if folder.numbers.is_file():
        return cast(RoundNumbers, json.loads(folder.numbers.read_text(encoding="utf-8")))
    costs = Costs(folder.costs, loop.device, forecast)
    for stage, run in STAGES.items():
        if not _is_part(loop, number, stage) or _is_done(loop, number, stage):
            continue
        if stage == "label" and (found := waiting(loop, number)) is not None:
            return found
        expected = forecast.get(stage)
        say(f"Round {number}: {stage}" + (f", about {duration(expected.seconds)}." if expected else "."))
        costs.measured(stage, partial(run, loop, number))
    numbers = _decided(loop, number, costs.stages)
    write_json(folder.numbers, numbers)
    return numbers


def _is_part(loop: Loop, number: int, stage: Stage) -> bool:
    if stage == "label":
        return loop.config.labelling.labels != "none"
    return stage != "adapt" or round_of_model(loop, number) == number


def _is_done(loop: Loop, number: int, stage: Stage) -> bool:
    folder = loop.files.round(number)
    if stage == "adapt":
        return is_trained(loop, folder.reward_model)
    if stage == "improve":
        return is_there(folder.policy)
    files = {
        "sample": folder.samples,
        "label": folder.labels,
        "look": folder.look,
        "evaluate": folder.evaluation,
    }
    return files[stage].is_file()


def _decided(loop: Loop, number: int, stages: list[StageNumbers]) -> RoundNumbers:
    numbers: RoundNumbers = {
        "round": number,
        "labels": label_numbers(loop, number),
        "reward_model": seen(loop, number),
        "samples": chosen_samples(loop, number),
        "policy": evaluated(loop, number),
        "path": path_of(loop, number),
        "path_from_first": path_from_first(loop, number),
        "stops": [],
        "stages": stages,
    }
    return {**numbers, "stops": stops_after(evaluated(loop, number - 1), numbers)}
