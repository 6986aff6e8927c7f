"""Arms over paired seeds: means, and differences to one arm with intervals over the seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Self

import numpy as np
from scipy.stats import t as student

from rewardsmith.trials.cell_log import CellLog

LEVEL = 0.95


@dataclass(frozen=True)
class ArmCell:
    """One arm with one seed."""

    seed: int
    arm: str

    @property
    def key(self) -> str:
        return f"{self.seed}/{self.arm}"


@dataclass(frozen=True)
class SeedTable:
    """Numbers of arm and seed. A difference is over the seeds that both arms have a number of."""

    results: Mapping[tuple[str, int], Mapping[str, Any]]

    @classmethod
    def of(cls, log: CellLog[Any], cells: Sequence[Any]) -> Self:
        """What is there of these cells."""
        done = [cell for cell in cells if not log.missing([cell])]
        return cls({(cell.arm, cell.seed): result for cell, result in zip(done, log.results(done), strict=True)})

    def values(self, arm: str, key: str) -> dict[int, float]:
        """By seed, where there is a number."""
        found = {seed: result.get(key) for (name, seed), result in self.results.items() if name == arm}
        return {seed: float(value) for seed, value in found.items() if value is not None}

    def row(self, arm: str, baseline: str, key: str) -> dict[str, Any]:
        """Mean, mean difference, and half the width of its interval of 95 % by Student's t; None from under two."""
        own, other = self.values(arm, key), self.values(baseline, key)
        differences = np.array([own[seed] - other[seed] for seed in own if seed in other])
        num = len(differences)
        half = None
        if num > 1 and arm != baseline:
            half = float(student.ppf(0.5 + LEVEL / 2, num - 1) * differences.std(ddof=1) / sqrt(num))
        return {
            "arm": arm,
            "number": key,
            "num_seeds": len(own),
            "mean": float(np.mean(list(own.values()))) if own else None,
            "difference": float(differences.mean()) if num and arm != baseline else None,
            "half_width": half,
            "num_paired": num,
        }

    def rows(self, arms: Sequence[str], baseline: str, keys: Sequence[str]) -> list[dict[str, Any]]:
        return [self.row(arm, baseline, key) for key in keys for arm in arms]

    def print(self, arms: Sequence[str], baseline: str, keys: Sequence[str]) -> None:
        """A block for every number; differences are to ``baseline``."""
        for key in keys:
            print(f"{key:24} {'seeds':>5} {'mean':>9} {'difference':>11} {'+-':>8}")
            for row in (self.row(arm, baseline, key) for arm in arms):
                mean, difference, half = (shown(row[name]) for name in ("mean", "difference", "half_width"))
                print(f"  {row['arm']:22} {row['num_seeds']:5d} {mean:>9} {difference:>11} {half:>8}")

    def show(self, arms: Sequence[str], baseline: str, keys: Sequence[str]) -> None:
        """The blocks, then one JSON line."""
        self.print(arms, baseline, keys)
        print(json.dumps(self.rows(arms, baseline, keys)))


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
