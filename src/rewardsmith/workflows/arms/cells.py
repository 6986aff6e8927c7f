"""What the processes of a study of arms compute: trainings, tests of what these made, and pilots for the forecast."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.artifacts.files.atomic import atomic_folder
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.hardware.devices import choose_device
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import work_before
from rewardsmith.engine.training.reward_training import Trained
from rewardsmith.evaluation.scored_pairs import score_pairs
from rewardsmith.models.loading.reward_models import save_reward_model
from rewardsmith.preferences.pairs.conversations import distinct, pair_conversations, turns_of
from rewardsmith.studies.arms.cells import Pilot, Training, held_out_numbers, numbers_of_test
from rewardsmith.studies.arms.forecast import HELD_OUT
from rewardsmith.workflows.arms.files import ArmFiles
from rewardsmith.workflows.inputs.meta_samples import meta_samples
from rewardsmith.workflows.inputs.refused_rows import refusals_of
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.steps.train_model import CHECKPOINTS, train_model

PILOT_STEPS = 4
PILOT_PAIRS = 16
"""Of each test, scored for the forecast."""

Values = dict[str, Any]
Compute = Callable[[Values], Values]


def open_trainings(given: Values) -> Compute:
    """Trainings; ``given``: the files."""
    files = ArmFiles.of(given["files"])
    return lambda cell: run_training(files, Training(**cell))


def open_tests(given: Values) -> Compute:
    """Tests of models; ``given``: the files, and the scale of each model's rewards by the key of its training."""
    files, scales = ArmFiles.of(given["files"]), given["scales"]
    return lambda cell: run_test(files, Training(**cell), scales)


def open_pilots(given: Values) -> Compute:
    """Measurements of arms; ``given``: the files, the seed and the learning rate."""
    files, seed, rate = ArmFiles.of(given["files"]), given["seed"], given["learning_rate"]
    return lambda cell: run_pilot(files, Training(seed, Pilot(**cell).arm, rate))


def run_training(files: ArmFiles, cell: Training) -> Values:
    """Trains, saves the model for its test, and asks the held-out part what it is worth."""
    config = files.config(cell)
    trained = _trained(config, pq.read_table(files.learned(cell.arm, cell.seed)), files.run(cell), files.model(cell))
    with closing(_opened(files.model(cell), config)) as scorer:
        scored = score_pairs(scorer, pq.read_table(files.held_out(cell.seed)))
    shutil.rmtree(files.run(cell) / CHECKPOINTS, ignore_errors=True)
    outcome, learned = trained.outcome, trained.pairs
    return {
        **vars(cell),
        "num_pairs": len(learned),
        "truncated_share": learned.num_truncated / len(learned),
        "num_steps": outcome.num_steps,
        "held_out": held_out_numbers(scored.gap, scored.target),
        "seconds": round(outcome.seconds, 2),
        "last": dict(outcome.last),
    }


def run_test(files: ArmFiles, cell: Training, scales: Mapping[str, float | None]) -> Values:
    """The model of a training on every test."""
    with closing(_opened(files.model(cell), files.config(cell))) as scorer:
        scored = {name: score_pairs(scorer, pq.read_table(files.test(name))) for name in files.tests}
    scale = scales[cell.key]
    return {**vars(cell), "tests": {name: numbers_of_test(s.gap, s.target, scale) for name, s in scored.items()}}


def run_pilot(files: ArmFiles, cell: Training) -> Values:
    """Seconds of a few steps on a sample of the pairs, and of a few pairs of every set that is scored."""
    begun = time.perf_counter()
    options = files.config(cell).train
    per_step = options.per_device_train_batch_size * options.gradient_accumulation_steps
    sample = _sample(pq.read_table(files.learned(cell.arm, cell.seed)), PILOT_STEPS * per_step)
    config = files.config(cell, max_steps=ceil(len(sample) / per_step), save_steps=0, average_checkpoints=1)
    trained = _trained(config, sample, files.run(cell), files.model(cell))
    ready = time.perf_counter()
    scored = {HELD_OUT: files.held_out(cell.seed)} | {name: files.test(name) for name in files.tests}
    samples = {name: _sample(pq.read_table(file), PILOT_PAIRS) for name, file in scored.items()}
    with closing(_opened(files.model(cell), config)) as scorer:
        scorer.score(_conversations(samples[HELD_OUT])[:1])  # what is prepared only once
        loaded = time.perf_counter()
        seconds = {name: _seconds_a_conversation(scorer, pairs) for name, pairs in samples.items()}
    for folder in (files.run(cell), files.model(cell)):
        shutil.rmtree(folder)
    outcome = trained.outcome
    return {
        "arm": cell.arm,
        "to_start": ready - begun - outcome.seconds,
        "a_pair": 1 / outcome.per_s("pairs"),
        "to_load": loaded - ready,
        "a_conversation": seconds,
        "memory_gib": outcome.last["max_memory_gib"],
    }


def _trained(config: TrainConfig, pairs: pa.Table, run: Path, model: Path) -> Trained[Any]:
    """Trains as `train` does, and saves. Nothing of the model stays in memory."""
    device = choose_device(config.model.device)
    accelerator = make_accelerator(device, config.train.bf16, work_before(run / CHECKPOINTS))
    samples = meta_samples(config, refusals_of(config.model))
    trained = train_model(config, run, pairs, accelerator, samples=samples)
    shutil.rmtree(model, ignore_errors=True)  # of a process that ended before it could answer
    model.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(model) as saving:
        save_reward_model(trained.model, trained.start.tokenizer, saving, trained.start.extra)
    return trained.run


def _opened(model: Path, config: TrainConfig) -> Scorer:
    return open_scorer(str(model), ScoringOptions(device=config.model.device))


def _sample(pairs: pa.Table, number: int) -> pa.Table:
    rows = np.random.default_rng(0).permutation(len(pairs))[:number]
    return pairs.take(pa.array(np.sort(rows)))


def _conversations(pairs: pa.Table) -> list[Conversation]:
    chosen, rejected = pair_conversations(pairs)
    return [*chosen, *rejected]


def _seconds_a_conversation(scorer: Scorer, pairs: pa.Table) -> float:
    conversations = distinct(_conversations(pairs), turns_of)[0]
    begun = time.perf_counter()
    scorer.score(conversations)
    return (time.perf_counter() - begun) / len(conversations)
