"""Where things are in the folder of a loop. Whatever bears one of these names is whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rewardsmith.artifacts.files.atomic import atomic_folder
from rewardsmith.workflows.steps.train_model import CHECKPOINTS, LOG

READ = "samples.jsonl"


@dataclass(frozen=True)
class LoopFiles:
    """The folder of a loop."""

    path: Path

    @property
    def preferences(self) -> Path:
        """Those that were drawn in a world."""
        return self.path / "preferences.jsonl"

    @property
    def label_next(self) -> Path:
        """Pairs of the newest samples that have no label; not there where all have one."""
        return self.path / "label_next.jsonl"

    @property
    def forecast(self) -> Path:
        """What was measured before the first round."""
        return self.path / "forecast.json"

    @property
    def paid(self) -> Path:
        """What a chat model that labels has taken in all rounds."""
        return self.path / "paid.json"

    @property
    def start(self) -> RoundFiles:
        """What is known of the first policy."""
        return RoundFiles(self.path / "start")

    def round(self, number: int) -> RoundFiles:
        return RoundFiles(self.path / f"round-{number}")


@dataclass(frozen=True)
class RoundFiles:
    """The folder of a round."""

    path: Path

    @property
    def samples(self) -> Path:
        """What the policy answers at the beginning of the round."""
        return self.path / "samples.jsonl"

    @property
    def labels(self) -> Path:
        """Fresh labels, as ``train`` reads them."""
        return self.path / "labels.jsonl"

    @property
    def not_judged(self) -> Path:
        """Pairs that a chat model was asked about and did not judge."""
        return self.path / "not_judged.jsonl"

    @property
    def to_label(self) -> Path:
        return self.path / "to_label.jsonl"

    @property
    def decisions(self) -> Path:
        """What a person thinks of the pairs in ``to_label``."""
        return self.path / "decisions.jsonl"

    @property
    def reward_model(self) -> Path:
        return self.path / "reward_model"

    @property
    def look(self) -> Path:
        return self.path / "look.json"

    @property
    def policy(self) -> Path:
        return self.path / "policy"

    @property
    def tests(self) -> Path:
        """What the policy answers at the end of the round."""
        return self.path / "test.jsonl"

    @property
    def evaluation(self) -> Path:
        return self.path / "evaluation.json"

    @property
    def costs(self) -> Path:
        return self.path / "costs.json"

    @property
    def numbers(self) -> Path:
        """Written last: the round is done."""
        return self.path / "round.json"


def is_there(made: Path) -> bool:
    """Whether a model was finished; if so, what served its making alone is removed."""
    if made.is_dir():
        shutil.rmtree(workshop(made), ignore_errors=True)
        return True
    return False


def workshop(made: Path) -> Path:
    """Where a model is while it is trained: its log and its checkpoints."""
    return made.with_name(f"{made.name}.unfinished")


@contextmanager
def finished(made: Path) -> Iterator[Path]:
    """A folder to save a model to; it then has the model's name, with what was logged beside the weights."""
    work = workshop(made)
    with atomic_folder(made) as folder:
        yield folder
        for name in (LOG, READ):
            if (work / name).is_file():
                shutil.copyfile(work / name, folder / name)
    shutil.rmtree(work, ignore_errors=True)


def checkpoints_of(made: Path) -> Path:
    return workshop(made) / CHECKPOINTS
