"""Saving a model at the end of a run, beside what the run has written before."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rewardsmith.engine.training.checkpoints import Checkpoints
from rewardsmith.errors import RewardsmithError
from rewardsmith.workflows.steps.train_model import CHECKPOINTS

SAVING = ".saving"


@contextmanager
def saved_into(folder: Path) -> Iterator[Path]:
    """A folder to save to whose files then move up, configurations last: without one nothing loads a model."""
    saving = folder / SAVING
    try:
        yield saving
    except RewardsmithError as error:
        raise type(error)(f"{error} {Checkpoints(folder / CHECKPOINTS).last_good()}") from error
    for file in sorted(saving.iterdir(), key=lambda file: (file.name.endswith("config.json"), file.name)):
        file.replace(folder / file.name)
    saving.rmdir()


def forget_unsaved(folder: Path) -> None:
    """Removes what a killed run left of a model that it was saving."""
    shutil.rmtree(folder / SAVING, ignore_errors=True)
