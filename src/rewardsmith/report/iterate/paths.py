"""The way of each round, roll-out by roll-out, smoothed: single roll-outs scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.iterate import RoundNumbers

MOST = 5
"""Roll-outs that a point is the mean of; fewer where a round has fewer than thirty."""
FEWEST = 2
"""Those that a peak may rest on: no peak is told of rounds of under twelve roll-outs."""


@dataclass(frozen=True)
class SmoothPath:
    """Of one round: means of ``width`` neighbouring roll-outs."""

    round: int
    num_rollouts: int
    width: int
    kls: NDArray[np.float64]
    gains: NDArray[np.float64]
    """Rewards less those of the first policy's samples, in standard deviations of these."""
    golds: NDArray[np.float64] | None
    """None where gold is not known of every roll-out."""


@dataclass(frozen=True)
class Peak:
    """Where mean gold was highest on the way."""

    round: int
    at_rollout: int
    """The one in the middle, from 1."""
    num_rollouts: int
    gold: float
    kl: float


def smooth_paths(rounds: Sequence[RoundNumbers]) -> list[SmoothPath]:
    """Of the rounds that have a path, all in one width."""
    with_path = [each for each in rounds if each["path"]]
    if not with_path:
        return []
    width = max(1, min(MOST, min(len(each["path"]) for each in with_path) // 6))
    return [_smooth_path(each, width) for each in with_path]


def _smooth_path(each: RoundNumbers, width: int) -> SmoothPath:
    path = each["path"]
    golds = [gold for point in path if (gold := point["gold"]) is not None]
    return SmoothPath(
        round=each["round"],
        num_rollouts=len(path),
        width=width,
        kls=_means([point["kl"] for point in path], width),
        gains=_means([point["reward_gap_first"] for point in path], width),
        golds=_means(golds, width) if len(golds) == len(path) else None,
    )


def _means(values: Sequence[float], width: int) -> NDArray[np.float64]:
    return np.convolve(values, np.ones(width) / width, "valid")


def peak_of(paths: Sequence[SmoothPath]) -> Peak | None:
    """Of all rounds; None where gold is not known of all, or where points are single roll-outs."""
    peaks = []
    for path in paths:
        if path.golds is None or path.width < FEWEST:
            return None
        at = int(path.golds.argmax())
        rollout = at + (path.width + 1) // 2
        peaks.append(Peak(path.round, rollout, path.num_rollouts, float(path.golds[at]), float(path.kls[at])))
    return max(peaks, key=lambda peak: peak.gold, default=None)
