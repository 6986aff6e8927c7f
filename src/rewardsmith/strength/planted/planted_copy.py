"""A copy of the labels with known flips, and everything fitted to it anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.preferences.simulation.flips import FlipKind
from rewardsmith.strength.ensembles.ensemble import Targets
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.evidence_gap import evidence_gap
from rewardsmith.strength.label_noise.posterior import LabelNoise, estimate_label_noise
from rewardsmith.strength.planted.planting import plant_flips, relabel

Judge = Callable[[Targets, int], Judgements]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """What the self-audit needs to know of the set; arrays [N]."""

    target: NDArray[np.float32]
    groups: NDArray[np.int64]
    """What may err together."""
    belief: Floats
    responses: NDArray[np.int64] | None = None
    """[N, 2]: ``response_codes``."""

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Pairs whose label is not a tie."""
        return np.asarray(self.target != 0.5)

    @property
    def num_judged(self) -> int:
        """Decided pairs that the judges have a belief of."""
        return int((self.decided & ~np.isnan(self.belief)).sum())


@dataclass(frozen=True)
class PlantedCopy:
    """One planting. Arrays [n] hold the pairs that could be judged, ``seen`` [N] says which."""

    kind: FlipKind
    rate: float
    seed: int
    target: Targets
    """[N], flips included."""
    judged: Judgements
    seen: NDArray[np.bool_]
    planted: NDArray[np.bool_]
    groups: NDArray[np.int64]
    gap: Floats
    """In the direction of the label: negative is suspicious."""
    noise: LabelNoise
    p_wrong: Floats


def planted_copy(kind: FlipKind, pairs: Pairs, judge: Judge, rate: float, seed: int) -> PlantedCopy:
    """Flips a share ``rate`` of the labels; ``judge`` fits a new ensemble to the targets it is given."""
    planted = plant_flips(kind, pairs.decided, pairs.belief, rate, np.random.default_rng(seed))
    target = relabel(pairs.target, planted)
    judged = judge(target, seed)
    strength = judged.held_out() if (judged.num_judges >= 2).any() else judged.in_sample()
    gap = evidence_gap(strength.mean, target, pairs.responses, seed)
    seen = pairs.decided & ~np.isnan(gap)
    noise = estimate_label_noise(gap[seen], pairs.groups[seen])
    assert noise is not None  # there were gaps before planting
    return PlantedCopy(
        kind=kind,
        rate=rate,
        seed=seed,
        target=target,
        judged=judged,
        seen=seen,
        planted=planted[seen],
        groups=pairs.groups[seen],
        gap=gap[seen],
        noise=noise,
        p_wrong=noise.p_wrong(gap[seen]),
    )
