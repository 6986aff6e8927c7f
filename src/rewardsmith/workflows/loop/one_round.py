"""A round, stage by stage: what is there already is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import cast

from rewardsmith.artifacts.atomic import write_json
from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.metrics.iterate import RoundNumbers, Stage
from rewardsmith.engine.scoring.open_scorer import ENSEMBLE_FILE
from rewardsmith.policy.rounds.stop_rules import stops_after
from rewardsmith.workflows.loop.answers import sample
from rewardsmith.workflows.loop.costs import Costs
from rewardsmith.workflows.loop.evaluation import evaluate, evaluated
from rewardsmith.workflows.loop.files import RoundFiles, is_there
from rewardsmith.workflows.loop.labels import Waiting, label, label_numbers
from rewardsmith.workflows.loop.looks import look, seen
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.policies import improve, path_of
from rewardsmith.workflows.loop.reward_models import adapt, round_of_model


def run_round(loop: Loop, number: int) -> RoundNumbers | Waiting:
    """What the round did; it is found if it was done before."""
    folder = loop.files.round(number)
    if folder.numbers.is_file():
        return cast(RoundNumbers, json.loads(folder.numbers.read_text(encoding="utf-8")))
    costs = Costs(loop, number)
    for stage, is_done, run in _stages(loop, number):
        if is_done():
            continue
        say(f"Round {number}: {stage}{costs.forecast_words(stage)}.")
        with costs.measured(stage) as cost:
            found = run()
            if isinstance(found, Waiting):
                return found
            cost.tokens = found
    numbers = _decided(loop, number, costs)
    write_json(folder.numbers, numbers)
    return numbers


def _stages(loop: Loop, number: int) -> list[tuple[Stage, Callable[[], bool], Callable[[], int | Waiting]]]:
    """Each with whether it is done, and what does it and gives its tokens."""
    folder = loop.files.round(number)
    labels = loop.config.labelling.labels != "none"
    adapts = round_of_model(loop, number) == number
    stages: dict[Stage, tuple[bool, Callable[[], bool], Callable[[Loop, int], int | Waiting]]] = {
        "sample": (True, folder.samples.is_file, sample),
        "label": (labels, folder.labels.is_file, label),
        "adapt": (adapts, partial(_is_adapted, loop, folder), adapt),
        "look": (True, folder.look.is_file, look),
        "improve": (True, partial(is_there, folder.policy), improve),
        "evaluate": (True, folder.evaluation.is_file, evaluate),
    }
    return [
        (stage, is_done, partial(run, loop, number)) for stage, (is_part, is_done, run) in stages.items() if is_part
    ]


def _is_adapted(loop: Loop, folder: RoundFiles) -> bool:
    if loop.config.rounds.num_members > 1:
        return (folder.reward_model / ENSEMBLE_FILE).is_file()
    return is_there(folder.reward_model)


def _decided(loop: Loop, number: int, costs: Costs) -> RoundNumbers:
    numbers: RoundNumbers = {
        "round": number,
        "labels": label_numbers(loop, number),
        "reward_model": seen(loop, number),
        "policy": evaluated(loop, number),
        "path": path_of(loop, number),
        "stops": [],
        "stages": costs.stages,
    }
    return {**numbers, "stops": stops_after(evaluated(loop, number - 1), numbers)}
