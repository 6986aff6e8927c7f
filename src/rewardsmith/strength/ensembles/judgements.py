"""What an ensemble says of each pair, and who of it may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Judgements:
    """Gaps of M members for N pairs, in logits, as labelled in the input; NaN where a member has no opinion."""

    gaps: NDArray[np.float32]  # [N, M]
    trained: NDArray[np.bool_]  # [N, M]: the member trained on the pair's group
    choices: tuple[str, ...]  # what each member chose: features and penalty

    def take(self, rows: NDArray[np.int64]) -> Judgements:
        """The same of some of the pairs."""
        return Judgements(self.gaps[rows], self.trained[rows], self.choices)

    @property
    def num_judges(self) -> NDArray[np.int64]:
        """Members [N] that have an opinion and did not train on the pair's group."""
        return np.asarray((~self.trained & ~np.isnan(self.gaps)).sum(axis=1))

    def held_out(self) -> Strength:
        """Strength by the members that did not train on the pair's group."""
        return summarise(self.gaps, ~self.trained)

    def in_sample(self) -> Strength:
        """Strength by the members that trained on the pair's group: the paper's reading."""
        return summarise(self.gaps, self.trained)


@dataclass(frozen=True)
class Strength:
    """Mean and population standard deviation (divisor M, paper Eq. 4) of the gaps; NaN with fewer than two members."""

    mean: NDArray[np.float64]  # [N]
    std: NDArray[np.float64]  # [N]


def summarise(gaps: NDArray[np.float32], counted: NDArray[np.bool_]) -> Strength:
    """Mean and spread over the counted members of each pair (arXiv 2401.06080, Eq. 4). Shapes [N, M]."""
    mask = counted & ~np.isnan(gaps)
    number = mask.sum(axis=1)
    enough = number >= 2
    divisor = np.where(enough, number, 1)
    values = np.where(mask, gaps, 0.0).astype(np.float64)
    mean = values.sum(axis=1) / divisor
    spread = np.where(mask, values - mean[:, None], 0.0)
    std = np.sqrt(np.square(spread).sum(axis=1) / divisor)
    return Strength(np.where(enough, mean, np.nan), np.where(enough, std, np.nan))


def as_labelled(gap: NDArray[Any], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Gaps [N], or other differences chosen less rejected, as the label sees them.

    A target under 0.5 says that the rejected response is the better one.
    """
    return np.where(target < 0.5, -gap, gap).astype(np.float64)


def learnable(target: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.float32]:
    """Targets [N] for judges, who know no weights: a pair of weight 0 prefers neither response."""
    return np.where(weight > 0, target, 0.5).astype(np.float32)
