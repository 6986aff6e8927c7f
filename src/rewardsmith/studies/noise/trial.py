"""What a cell gives to its trainer, besides the arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.studies.noise.splits import Split
from rewardsmith.studies.noise.study_pairs import StudyPairs


@dataclass(frozen=True)
class Trial:
    """A set, divided, with noisy labels on its training pairs."""

    pairs: StudyPairs
    split: Split
    turned: NDArray[np.bool_]
    """Training pairs whose two responses changed places: arms speak of them as they are then."""
    train: StudyPairs
    """The training pairs, responses in their new places."""
    given: NDArray[np.float64]
    """Their noisy labels."""
    seed: int = 0
    choose_by: Literal["given", "own"] = "given"
