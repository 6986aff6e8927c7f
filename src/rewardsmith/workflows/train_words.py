"""What `train` says of its choice of a model, and of a training that taught nothing."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import numpy as np

from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.batches.encoded_pairs import EncodedPairs
from rewardsmith.metrics.calibration import pair_surprise
from rewardsmith.models.options import ModelOptions
from rewardsmith.report.commands import LANGUAGE_MODEL
from rewardsmith.workflows.options.train import TrainConfig

STRONGER = f"{LANGUAGE_MODEL}, or without a network embedded/smollm2-135m"
NEAR = 0.01
"""A loss less than this below that of constant rewards is near it."""


def say_what_is_taken(model: ModelOptions) -> None:
    """Names the model that nobody has to name, and why it is not the best one."""
    taken = ModelOptions.model_name_or_path
    if model.model_name_or_path == taken:
        say(
            f"Training starts from {taken} unless `model_name_or_path` names another: an encoder of 23 million "
            f"parameters that is quick and needs no network. A language model learns more: {STRONGER}."
        )


def nothing_learned(log: Path, pairs: EncodedPairs, config: TrainConfig) -> str | None:
    """What to look at where the loss of the second half stayed at that of rewards which are all alike; else None."""
    if config.train.batch_margin:  # the model's own margins move that loss
        return None
    constant = float(np.average(pair_surprise(-pairs.margin, pairs.target), weights=pairs.weight))
    losses = [row["loss"] for row in read_rows(log) if row.get("loss") is not None]
    if not losses or fmean(losses[len(losses) // 2 :]) < constant - NEAR:
        return None
    return (
        f"The loss stayed near {constant:.3f}, that of rewards which are all alike: hardly anything was learned. Look "
        f"at the learning rate ({config.train.learning_rate:g}; adapters and small models often need 1e-4), the number "
        f"of steps (--num_train_epochs), the labels (rewardsmith audit) and the model ("
        f"{config.model.model_name_or_path}; others: {STRONGER})."
    )
