"""What can train the arms of a study: one record a kind, in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from rewardsmith.models.options import ModelOptions
from rewardsmith.studies.noise.arms import Form, Trainer, TrainingTask
from rewardsmith.studies.noise.options import ForkedArmOptions, ForkedJob, NoiseStudyOptions
from rewardsmith.studies.noise.probe_trainer import ProbeTrainer

PACKAGES = ("contracts", "metrics", "objectives", "preferences", "refining", "strength", "studies", "trials")
"""Whose code computes a cell, whoever trains."""

Open = Callable[[ForkedJob | None], Callable[[TrainingTask], Trainer]]
Check = Callable[[pa.Table, ModelOptions, ForkedArmOptions, NoiseStudyOptions, Sequence[int]], None]


@dataclass(frozen=True)
class TrainerKind:
    """A value of the option `trainer`."""

    name: str
    open: Open
    """What trains the arms of each cell of one process."""
    refused: Mapping[Form, str]
    """Forms of training that it does not have, and why."""
    choice: str
    """What every arm chooses, in one word."""
    about: tuple[tuple[str, str], ...]
    """How it was measured, for a reader: terms, and words in which names of options stand in braces."""
    packages: tuple[str, ...] = PACKAGES
    """Whose code computes its cells."""
    trains_models: bool = False
    """Whether arms begin with the weights of a model, and read texts."""
    check: Check = lambda *_: None
    """Finds out, before anything costly is done, whether a model and a set allow it."""


def _open_probe(_: ForkedJob | None) -> Callable[[TrainingTask], Trainer]:
    return ProbeTrainer


def _open_forked(job: ForkedJob | None) -> Callable[[TrainingTask], Trainer]:
    # Heads need no language models, which take seconds to import.
    from rewardsmith.studies.noise.forked_trainer import ForkedTrainer, forked_base

    assert job is not None  # whoever asks for this kind has written the texts
    base = forked_base(job)
    return lambda task: ForkedTrainer(base, task)


def _check_forked(
    pairs: pa.Table, model: ModelOptions, arms: ForkedArmOptions, study: NoiseStudyOptions, seeds: Sequence[int]
) -> None:
    from rewardsmith.studies.noise.forked_trainer import check_forked

    check_forked(pairs, model, arms, study, seeds)


TRAINERS = {
    kind.name: kind
    for kind in (
        TrainerKind(
            "probe",
            _open_probe,
            refused={},
            choice="penalty",
            about=(
                ("features", "{model}, frozen; every arm trains one head on them"),
                ("penalties", "{chosen_by}"),
            ),
        ),
        TrainerKind(
            "forked",
            _open_forked,
            refused={
                "debiased": "its column stands beside frozen features, which only `trainer` probe has",
                "early_stopping": "there every arm chooses its epoch, so it would be `plain`",
            },
            choice="epoch",
            about=(
                ("features", "{model}, frozen; audits and detectors read them"),
                (
                    "arms",
                    "adapters (rank {lora_r}) and a head of each, above the first {fork_layer:,} blocks of {model}, "
                    "frozen and shared",
                ),
                (
                    "training",
                    "{num_train_epochs:,} epochs of two thirds of the training pairs, "
                    "{per_device_train_batch_size:,} a step, learning rate {learning_rate:g}",
                ),
                ("epochs", "{chosen_by}"),
            ),
            packages=(*PACKAGES, "tokens", "models", "engine"),
            trains_models=True,
            check=_check_forked,
        ),
    )
}
