"""What an ensemble of language models is trained with, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.strength.judgements import Judgements
from rewardsmith.strength.membership import member_weights
from rewardsmith.strength.options import MemberOptions, StrengthOptions


@dataclass(frozen=True)
class EnsembleJob:
    """One ensemble on one set of pairs. Done again after an interruption, it goes on from what is in ``folder``."""

    pairs_file: Path
    """The pairs, as Parquet."""
    groups: NDArray[np.int64]
    """[N]: pairs of a group are trained on, or judged, together."""
    folder: Path
    """Where models, gaps and checkpoints go."""
    strength: StrengthOptions
    members: MemberOptions
    model: ModelOptions
    lora: LoraOptions
    seed: int = 0
    keep_models: bool = True
    """Whether the members' models stay."""
    quiet: bool = False
    description: str = "Members"

    def membership(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Training weights and who trained, both [N, M]. DataError for too few groups."""
        return member_weights(
            self.groups,
            self.members.num_members,
            self.strength.judges,
            self.strength.crossfit,
            np.random.default_rng(self.seed),
            self.members.bootstraps(self.strength),
        )


@dataclass(frozen=True)
class EnsembleOutcome:
    """What the ensemble says, and what it took."""

    judged: Judgements
    truncated_share: float
    """Share of pairs of which truncation took something."""
