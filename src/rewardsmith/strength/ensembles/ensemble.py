"""What an ensemble is: fitted to some labels, it gives the gaps of every pair."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.options import MemberOptions, StrengthOptions
from rewardsmith.strength.rivals import Rival

Targets = NDArray[np.float32]
Labels = Literal["given", "planted", "refined"]
Stage = Callable[[str], AbstractContextManager[None]]


def untimed(name: str) -> AbstractContextManager[None]:
    """A stage whose time nobody wants to know."""
    return nullcontext()


@dataclass(frozen=True)
class Truncation:
    """What a model could not read of the pairs."""

    share: float
    """Of the pairs: those of which something was cut."""
    max_length: int
    """Tokens after which a conversation was cut."""
    enough: int | None = None
    """Tokens at which all but a twentieth of the pairs would be read whole, where that is known."""
    limit: int | None = None
    """Most tokens that the model can read; None where its positions set no limit."""


@dataclass(frozen=True)
class EnsembleInputs:
    """All that an ensemble may need to know; each kind takes its own part."""

    pairs: pa.Table
    groups: NDArray[np.int64]
    """[N]: pairs of a group are trained on, or judged, together."""
    folder: Path
    """Where models stay."""
    pairs_file: Path
    """The pairs once more, as Parquet; written before anybody judges."""
    strength: StrengthOptions
    members: MemberOptions
    model: ModelOptions
    lora: LoraOptions
    stage: Stage = untimed
    """Entered around each stage, with its name."""


@runtime_checkable
class Ensemble(Protocol):
    """Judges of one set of pairs. Costs nothing until somebody judges."""

    truncation: Truncation | None
    """None until a model has read the pairs."""

    def check(self) -> None:
        """Raises DataError for a set that it cannot judge."""
        ...

    def judge(self, target: Targets, seed: int, labels: Labels = "given") -> Judgements:
        """Gaps of members fitted to these targets [N]. ``labels``: what they are; models of the given ones stay."""
        ...

    def rejudge(self, rows: NDArray[np.int64], target: Targets, seed: int) -> Judgements | None:
        """Gaps of a few members fitted to the pairs ``rows`` [n] alone, some of them several times, with the targets
        [N] of all; None where fitting takes long or there is nothing to fit."""
        ...

    def structured(self, target: Targets, seed: int, labels: Labels = "given") -> CellNoise | None:
        """What the structured audit finds of these targets; None where it is not asked for or not to be had."""
        ...

    def rivals(self, judged: Judgements, target: Targets, seed: int) -> list[Rival]:
        """Other ways of finding wrong labels, on the same labels."""
        ...

    def finish(self) -> None:
        """Leaves in the folder what is worth keeping, and nothing else."""
        ...


MakeEnsemble = Callable[[EnsembleInputs], Ensemble]
"""What the module of a kind has under the name ``make_ensemble``."""


def open_ensemble(inputs: EnsembleInputs) -> Ensemble:
    """The ensemble of the kind that the options name."""
    make: MakeEnsemble = import_module(inputs.strength.kind.module).make_ensemble
    return make(inputs)
