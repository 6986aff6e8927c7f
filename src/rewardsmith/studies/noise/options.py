"""Options of the noise study. Free of heavy imports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.models.options import ModelOptions


@dataclass(frozen=True)
class NoiseStudyOptions:
    """What is planted, what is tried against it, and how it is measured."""

    kinds: str = "uniform,hard,longer,clustered"
    """Kinds of noise, separated by commas: `uniform`; `hard` (on close pairs); `longer` (so that the longer response
    wins); `clustered` (nine in ten in one half of the categories); `votes` (one vote a pair, drawn at random)."""
    rates: str = "0,0.1,0.2,0.3,0.4"
    """Shares of the training labels that are flipped, separated by commas; 0 is the set as it came."""
    methods: str = "all"
    """Methods, separated by commas: those of docs/methods/study.md, names of recipes, or recipe files. `all`: every
    method of that page; `plain` and `clean` always take part."""
    num_seeds: int = 6
    """Repetitions, each with its own split, noise and folds. The method is chosen on half of them and reported on the
    other half, which takes four."""
    test_share: float = 0.3
    """Share of the pairs that is tested on, in whole groups."""
    fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What is wholly in training or wholly in the test."""
    audit_fold_by: Literal["prompt", "pair", "category"] = "prompt"
    """What judges of the training labels leave out together; `pair` finds more where responses stand in many pairs."""
    num_judges: int = 4
    """Judges of every training pair."""
    trainer: Literal["probe", "forked"] = "probe"
    """What every arm trains: `probe`, a head on frozen features, its penalty chosen by inner folds; `forked`, adapters
    and a head of its own above a frozen trunk, all arms at the same time, the epoch chosen by an inner fold."""
    choose_by: Literal["given", "own"] = "given"
    """The held-out labels by which every arm chooses its regularisation: the noisy ones as `given`, or its `own`, which
    for repaired arms are the repaired ones."""
    feature_dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the trunk's forward pass."""
    workers: int = 2
    """Cells of the study that are computed at the same time, each in a process of its own."""


@dataclass(frozen=True)
class ForkedArmOptions:
    """How arms are trained with `--trainer forked`."""

    num_train_epochs: int = 4
    """With `forked`: passes over the training pairs; each arm is tested after that which suits its held-out labels."""
    learning_rate: float = 3e-3
    """With `forked`: peak learning rate of adapters and heads (AdamW)."""
    per_device_train_batch_size: int = 8
    """With `forked`: pairs of an optimiser step."""
    fork_layer: int | None = None
    """With `forked`: blocks of the shared frozen trunk; arms differ above them. Default: all but the last."""
    lora_r: int = 16
    """With `forked`: rank of the adapters."""

    def layer(self, num_layers: int) -> int:
        """Where arms part, in a model of so many blocks."""
        return num_layers - 1 if self.fork_layer is None else self.fork_layer

    @property
    def training(self) -> TrainOptions:
        return TrainOptions(
            learning_rate=self.learning_rate,
            num_train_epochs=self.num_train_epochs,
            per_device_train_batch_size=self.per_device_train_batch_size,
        )


@dataclass(frozen=True)
class ForkedJob:
    """All that the `forked` trainer needs besides a cell."""

    pairs_file: str
    """The study's pairs, a parquet file."""
    model: ModelOptions
    arms: ForkedArmOptions

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ForkedJob:
        """From what ``asdict`` made of one."""
        return cls(values["pairs_file"], ModelOptions(**values["model"]), ForkedArmOptions(**values["arms"]))
