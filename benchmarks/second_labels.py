"""Do second labels make p_wrong better, and do they harm where they know nothing?

Question   Does p_wrong beside a second view rank wrong labels better, and stay as calibrated as it was?
Workload   Simulated gaps of which the truth is known: strong and weak judges; 12 % of the labels wrong anywhere, or
           mostly on close pairs (Bradley-Terry); 300 and 2,000 pairs, two a prompt, ten seeds. Second views that err
           by themselves, on close pairs, that repeat half or all of the labels, that repeat the judges, that toss a
           coin.
Ceiling    An AUROC of 1 by a view that never errs; a coin, a copy and an echo should change nothing.
Command    OMP_NUM_THREADS=1 python benchmarks/second_labels.py
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from rewardsmith.metrics.ranking import auroc
from rewardsmith.strength.label_noise.posterior import estimate_label_noise
from rewardsmith.strength.label_noise.second_view import second_view

NUM_SEEDS, SPREAD, STEEP = 10, 1.6, 1.3
JUDGES = {"strong": 0.7, "weak": 2.5}
"""Standard deviation of what they miss of the true gap; what they see has ``SPREAD``."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def views(wrong: Mask, gap: Floats, size: Floats, rng: np.random.Generator) -> dict[str, Mask]:
    """Where each second view has the label's side; ``size`` [N] of the true gap."""
    draws = rng.random((6, len(wrong)))
    return {
        "errs in 5 %": wrong == (draws[0] < 0.05),
        "errs in 30 %": wrong == (draws[1] < 0.3),
        "errs on close pairs": wrong == (draws[2] > expit(STEEP * size)),
        "half copied, else 5 %": (draws[3] < 0.5) | (wrong == (draws[4] < 0.05)),
        "coin": draws[5] < 0.5,
        "copy of the labels": np.ones(len(wrong), dtype=bool),
        "echo of the judges": gap > 0,
    }


def calibration_error(p_wrong: Floats, wrong: Mask) -> float:
    """Mean distance of promised and found share, by tenths of p_wrong."""
    bins = np.minimum((10 * p_wrong).astype(np.int64), 9)
    gaps = np.bincount(bins, p_wrong - wrong, minlength=10)
    return float(np.abs(gaps).sum() / len(wrong))


def measured(num: int, missed: float, on_close_pairs: bool, seed: int) -> dict[str, tuple[float, ...]]:
    """AUROC, calibration error, mean p_wrong, e, c and d by second view; without one, the first three."""
    rng = np.random.default_rng(seed)
    judged = SPREAD * rng.normal(size=num)
    truth = judged + missed * rng.normal(size=num)
    draws, size = rng.random(num), np.abs(truth)
    wrong = draws > expit(STEEP * size) if on_close_pairs else draws < 0.12
    gap, groups = judged * np.sign(truth) * np.where(wrong, -1, 1), np.arange(num) // 2
    noise = estimate_label_noise(gap, groups)
    assert noise is not None
    alone = noise.p_wrong(gap)

    def numbers(p_wrong: Floats, *more: float) -> tuple[float, ...]:
        return (auroc(p_wrong, wrong), calibration_error(p_wrong, wrong), float(p_wrong.mean()), *more)

    found = {"none": numbers(alone)}
    for name, agrees in views(wrong, gap, size, rng).items():
        view = second_view(alone, gap, agrees.astype(np.float64), groups)
        assert view is not None
        found[name] = numbers(view.p_wrong, view.error.value, view.repeats_label.value, view.repeats_judges.value)
    return found


def main() -> None:
    table = {}
    for num in (300, 2000):
        for judges, missed in JUDGES.items():
            for on_close_pairs in (False, True):
                runs = [measured(num, missed, on_close_pairs, seed) for seed in range(NUM_SEEDS)]
                where = (
                    f"{num} pairs, {judges} judges, wrong labels {'on close pairs' if on_close_pairs else 'anywhere'}"
                )
                print(f"\n{where}\n{'second view':24}AUROC   cal.  p_wrong    e     c     d")
                for name in runs[0]:
                    values = np.mean([run[name] for run in runs], axis=0)
                    table[f"{where}: {name}"] = values.round(4).tolist()
                    print(f"{name:24}" + "  ".join(f"{value:.3f}" for value in values), flush=True)
    print(json.dumps(table))


if __name__ == "__main__":
    main()
