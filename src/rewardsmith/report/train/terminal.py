"""A training for a terminal: the model that it starts from, what came of it, and what to look at where nothing did."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import cast

from rich.console import Console

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.metrics.train import EvaluatedTrainMetrics, TrainMetrics
from rewardsmith.models.options import ModelOptions
from rewardsmith.report.commands import LANGUAGE_MODEL
from rewardsmith.report.evaluate.terminal import print_evaluation
from rewardsmith.report.terminal import flags

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


def nothing_learned(losses: Sequence[float], constant: float, learning_rate: float, model: str) -> str | None:
    """What to look at where the loss of the second half stayed at ``constant``, that of equal rewards; else None."""
    if not losses or fmean(losses[len(losses) // 2 :]) < constant - NEAR:
        return None
    return (
        f"The loss stayed near {constant:.3f}, that of rewards which are all alike: hardly anything was learned. Look "
        f"at the learning rate ({learning_rate:g}; adapters and small models often need 1e-4), the number of steps "
        f"(`num_train_epochs`), the labels (rewardsmith audit) and the model ({model}; others: {STRONGER})."
    )


def print_training(
    metrics: TrainMetrics | EvaluatedTrainMetrics, path: str, advice: str | None, console: Console
) -> None:
    """Steps, loss and accuracy, the evaluation if there was one, and where the model is."""
    m = metrics
    accuracy = "" if m["train_accuracy"] is None else f", accuracy {m['train_accuracy']:.3f}"
    console.print(
        f"Trained {m['num_steps']:,} steps, {m['num_epochs']:.2f} times over {m['num_pairs']:,} pairs, in "
        f"{m['train_runtime_s']:.0f} s ({m['train_pairs_per_s']:.1f} pairs/s). Last steps, on the pairs trained "
        f"on: loss {m['train_loss']:.4f}{accuracy}.",
        highlight=False,
    )
    if "eval_nll" in m:
        print_evaluation(cast(EvaluatedTrainMetrics, m), console)
    console.print(f"Saved to {path}", markup=False, highlight=False)
    if advice:
        console.print(flags(advice), markup=False, highlight=False)
