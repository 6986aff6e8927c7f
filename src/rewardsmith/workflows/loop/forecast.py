"""How long the rounds will take: measured on two rounds in small, and on every round that is done."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.partial import claimed, partial_path
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.iterate import Stage, StageNumbers
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.report.numbers import duration
from rewardsmith.workflows.loop.costs import Expected, Forecast, as_spent, extrapolated, in_words, scaled
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.one_round import run_round
from rewardsmith.workflows.loop.reward_models import round_of_model
from rewardsmith.workflows.options.iterate import IterateConfig

SMALL = ((4, 1), (12, 3))
"""Prompts and roll-outs of the rounds in small; a training has two steps for each roll-out."""
PAYS_FROM = 40
"""Roll-outs of a loop from which on it is worth the time that the rounds in small take."""


def forecast_of(loop: Loop, number: int) -> Forecast:
    """What a round will cost; nothing where that is not known."""
    if number > 1:
        before: list[StageNumbers] = json.loads(loop.files.round(number - 1).costs.read_text(encoding="utf-8"))
        return scaled(as_spent(before), growth(loop, number, number - 1))
    path = loop.files.forecast
    if not path.is_file():
        if loop.config.rounds.num_rounds * loop.config.policy.rollouts.num_rollouts < PAYS_FROM:
            return {}
        found = _measured(loop)
        write_json(path, {stage: asdict(expected) for stage, expected in found.items()})
        _say(loop, found)
    return {stage: Expected(**expected) for stage, expected in json.loads(path.read_text(encoding="utf-8")).items()}


def work(loop: Loop, number: int) -> dict[Stage, float]:
    """How much each stage of a round has to do, in pieces of its own."""
    config = loop.config
    steps = num_steps(config.train, _num_pairs(loop, number)) * config.rounds.num_members
    return {
        "sample": len(loop.shift_prompts),
        "label": config.labelling.labels_per_round,
        "adapt": steps if round_of_model(loop, number) == number else 0.0,
        "look": len(loop.shift_prompts),
        "improve": config.policy.rollouts.num_rollouts,
        "evaluate": len(loop.material.test_prompts) * (2 if number == 1 else 1),
    }


def growth(loop: Loop, number: int, since: int) -> dict[Stage, float]:
    """How many times the work of one round another has; once where nothing was done."""
    now, then = work(loop, number), work(loop, since)
    return {stage: now[stage] / then[stage] if then[stage] else 1.0 for stage in now}


def num_steps(options: TrainOptions, num_pairs: int) -> int:
    """Of one training."""
    if options.max_steps > 0:
        return options.max_steps
    per_step = options.per_device_train_batch_size * options.gradient_accumulation_steps
    return math.ceil(num_pairs * options.num_train_epochs / per_step)


def _num_pairs(loop: Loop, number: int) -> int:
    """Those of rounds to come are expected to bring as many labels as were asked for."""
    config = loop.config
    labels = config.labelling.labels_per_round if config.labelling.labels != "none" else 0
    given = 0 if config.rounds.preference_data == "last" else len(loop.material.pairs)
    rounds = {"first": 0, "last": 1, "all": number}[config.rounds.preference_data]
    return given + rounds * labels


def _measured(loop: Loop) -> Forecast:
    say("Measuring what a round takes, on two in small.")
    folder = partial_path(loop.files.path / "in_small")
    costs, done = [], []
    try:
        with claimed(folder, folder=True):
            for place, (num_prompts, num_rollouts) in enumerate(SMALL):
                small = in_small(loop, folder / str(place), num_prompts, num_rollouts)
                set_quiet(True)
                run_round(small, 1, {})
                set_quiet(loop.config.run.quiet)
                costs.append(json.loads(small.files.round(1).costs.read_text(encoding="utf-8")))
                done.append(work(small, 1))
    finally:
        set_quiet(loop.config.run.quiet)
        shutil.rmtree(folder, ignore_errors=True)
    return extrapolated(costs, done, work(loop, 1))


def in_small(loop: Loop, path: Path, num_prompts: int, num_rollouts: int) -> Loop:
    """A loop with less of everything, in which nobody has to decide, and nothing is paid."""
    config: IterateConfig = loop.config
    labelling = config.labelling
    if labelling.labels == "person" or config.labels_by_chat:
        labelling = replace(labelling, labels="none")
    policy = replace(config.policy, rollouts=replace(config.policy.rollouts, num_rollouts=num_rollouts))
    small = replace(
        config,
        rounds=replace(config.rounds, num_shift_prompts=num_prompts, preference_data="all"),
        labelling=labelling,
        policy=policy,
        policy_model=replace(config.policy_model, save_rollouts=0),
        train=replace(config.train, max_steps=2 * num_rollouts, warmup_ratio=0.0),
    )
    material = replace(loop.material, test_prompts=loop.material.test_prompts[:num_prompts])
    return Loop(replace(loop.setting, config=small), material, LoopFiles(path))


def _say(loop: Loop, first: Forecast) -> None:
    numbers = range(1, loop.config.rounds.num_rounds + 1)
    stages = [one for number in numbers for one in scaled(first, growth(loop, number, 1)).values()]
    say(
        f"Forecast: {duration(sum(one.seconds for one in stages))} for {len(numbers)} rounds, "
        f"{sum(one.tokens for one in stages):,} tokens, {max(one.memory_gib for one in stages):.1f} GiB of memory. "
        f"The first round: {in_words(first)}."
    )
