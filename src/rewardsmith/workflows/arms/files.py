"""The files of a study of arms that its processes share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.studies.arms.cells import Training, folder_names
from rewardsmith.workflows.options.train import TrainConfig

SETS, RUNS, MODELS = "sets", "runs", "models"


@dataclass(frozen=True)
class ArmFiles:
    """Where everything lies in the folder of a study, and what every arm trains with."""

    path: str
    arms: Mapping[str, dict[str, Any]]
    """By name, the options of `train`, flat."""
    own_pairs: tuple[str, ...]
    """Arms that learn from pairs of their own."""
    tests: tuple[str, ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ArmFiles:
        """From what ``asdict`` made of one, and JSON of that."""
        return cls(values["path"], values["arms"], tuple(values["own_pairs"]), tuple(values["tests"]))

    def config(self, cell: Training, **changes: Any) -> TrainConfig:
        """What a cell trains with."""
        own = {"learning_rate": cell.learning_rate, "seed": cell.seed, "output_dir": str(self.run(cell))}
        return build_config(TrainConfig, {**self.arms[cell.arm], **own, **changes})

    def learned(self, arm: str | None, seed: int) -> Path:
        """The pairs that an arm learns from; None: those of the arms that have none of their own."""
        whose = f"-{self._names[arm]}" if arm in self.own_pairs else ""
        return Path(self.path, SETS, f"train-{seed}{whose}.parquet")

    def held_out(self, seed: int) -> Path:
        return Path(self.path, SETS, f"held-out-{seed}.parquet")

    def test(self, name: str) -> Path:
        return Path(self.path, SETS, f"test-{self.tests.index(name)}.parquet")

    def run(self, cell: Training) -> Path:
        """Log, and checkpoints until the training is done."""
        return Path(self.path, RUNS, self._name(cell))

    def model(self, cell: Training) -> Path:
        """What a training made, until it is tested."""
        return Path(self.path, MODELS, self._name(cell))

    def _name(self, cell: Training) -> str:
        return f"{self._names[cell.arm]}-{cell.learning_rate:g}-seed-{cell.seed}"

    @cached_property
    def _names(self) -> dict[str, str]:
        return folder_names(self.arms)
