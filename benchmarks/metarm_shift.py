"""Does MetaRM keep a reward model right where the distribution has shifted? Does anything without labels?

Question   Preferences of one distribution, unlabelled responses of another: accuracy on labels of the other, against
           plain training (size 0) from the same first weights in the same order.
Workload   A network of one hidden layer (64) on frozen features, on the training loop, two passes over 2,000 pairs.
           `ukp`: half of the debates of ukp_convarg against the other half. `hh`: helpful against harmless HH-RLHF
           (both: embedded/minilm, k = 2). `directions` and `best of n`: simulated, gold is known, k = 5, 25 % of the
           labels flipped; the policy varies where preferences hardly do, or takes the best of 16 by a proxy.
           Prompts of samples and of tests are disjoint. Arms: metarm_shift_arms.py.
Ceiling    Accuracy of the labels themselves; what 8 seeds can show is printed for each set.
Command    python benchmarks/metarm_shift.py --data FOLDER --output_dir runs/metarm-shift
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from metarm_shift_arms import ARMS, ENSEMBLE, PLAIN, Reward, trained
from metarm_shift_record import Shift, Tested
from metarm_shift_sets import SETS, shift_of
from torch import Tensor

from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.objectives.meta import meta_objective
from rewardsmith.trials.cell_log import CellLog, credits_as_text, credits_from_text
from rewardsmith.trials.paired_results import PairedResults

SEEN_WITH = 2.8
"""Standard errors of a difference that is found in four of five such experiments, at a level of 5 %."""


@dataclass(frozen=True)
class ShiftCell:
    """One arm on one set with one seed."""

    set: str
    seed: int
    arm: str

    @property
    def key(self) -> str:
        return f"{self.set}/{self.seed}/{self.arm}"


def main() -> None:
    """Trains what is missing, then prints a table for each set and one JSON line. May be killed and given again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with ukp_convarg.jsonl.gz and hh_rlhf/")
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=ARMS, help="plain is always among them")
    parser.add_argument("--learning_rate", type=float, default=1e-2)
    parser.add_argument("--weight_decay", type=float, default=0.01)
    parser.add_argument("--seeds", type=int, default=8)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log = CellLog(args.output_dir / "cells.jsonl", ShiftCell)
    options = TrainOptions(learning_rate=args.learning_rate, weight_decay=args.weight_decay, logging_steps=10**9)
    seeds, arms = range(args.seeds), list(dict.fromkeys([PLAIN, *args.arms]))
    for seed in seeds:
        for name in args.sets:
            missing = log.missing([ShiftCell(name, seed, arm) for arm in arms])
            shift = shift_of(name, args.data, seed) if missing else None
            for cell in missing:
                assert shift is not None
                log.add(measured(cell, shift, options))
    found = []
    for name in args.sets:
        tested = {seed: shift_of(name, args.data, seed) for seed in seeds}
        found += report(name, arms, tested, log)
    print(json.dumps(found))


def measured(cell: ShiftCell, shift: Shift, options: TrainOptions) -> dict[str, Any]:
    """Credits on the shifted test and on that within, and J of the shifted responses."""
    began = time.perf_counter()
    reward = trained(cell.arm, shift, cell.seed, options)
    rewards = reward(shift.samples)
    return {
        **asdict(cell),
        "shifted": credits_as_text(credit(reward, shift.shifted)),
        "within": credits_as_text(credit(reward, shift.within)),
        "J": float(meta_objective(rewards)),
        "J standardised": float(meta_objective(rewards, "standardised")),
        "seconds": time.perf_counter() - began,
    }


def credit(reward: Reward, tested: Tested) -> Any:
    """1 where the better response has the higher reward, 0.5 for a tie."""
    gap: Tensor = reward(tested.better) - reward(tested.worse)
    return ((gap.sign() + 1) / 2).double().numpy()


def report(name: str, arms: Sequence[str], shifts: dict[int, Shift], log: CellLog[ShiftCell]) -> list[dict[str, Any]]:
    """Prints the accuracies of plain training and what each arm adds, in points."""
    cells = [ShiftCell(name, seed, arm) for seed in shifts for arm in arms]
    results = {(cell.seed, cell.arm): result for cell, result in zip(cells, log.results(cells), strict=True)}
    shifted, within = (paired(which, arms, shifts, results) for which in ("shifted", "within"))
    errors = [shifted.gain(name, arm).standard_error for arm in arms if arm not in (PLAIN, ENSEMBLE)]
    accuracies = [100 * own.mean(name, PLAIN).value for own in (shifted, within)]
    print(
        f"{name}: plain {accuracies[0]:.1f} % on the shifted test, {accuracies[1]:.1f} % within; {len(shifts)} seeds. "
        f"A difference is seen from {100 * SEEN_WITH * float(np.median(errors)):.2f} points (median over arms)."
    )
    print(f"{'arm':26} {'shifted, points':>24} {'seen from':>9} {'within':>6} {'J':>7} {'J std':>7}")
    found = []
    for arm in arms:
        gain, inside = shifted.gain(name, arm), within.gain(name, arm)
        spreads = [float(np.mean([results[seed, arm][key] for seed in shifts])) for key in ("J", "J standardised")]
        low, high = 100 * gain.interval.low, 100 * gain.interval.high
        row = {
            "set": name,
            "arm": arm,
            "gain": 100 * gain.value,
            "low": low,
            "high": high,
            "seen from": 100 * SEEN_WITH * gain.standard_error,
            "within": 100 * inside.value,
            "J": spreads[0],
            "J standardised": spreads[1],
            "seconds": float(np.mean([results[seed, arm]["seconds"] for seed in shifts])),
        }
        found.append(row)
        print(
            f"{arm:26} {100 * gain.value:+6.2f} ({low:+6.2f} to {high:+6.2f}) {row['seen from']:9.2f} "
            f"{100 * inside.value:+6.2f} {spreads[0]:7.4f} {spreads[1]:7.4f}"
        )
    return found


def paired(
    which: str, arms: Sequence[str], shifts: dict[int, Shift], results: dict[tuple[int, str], Any]
) -> PairedResults[str]:
    """Differences by seed and by prompt, both drawn again."""
    (name,) = {result["set"] for result in results.values()}
    tests: dict[int, Tested] = {seed: getattr(shift, which) for seed, shift in shifts.items()}
    names = np.unique(np.concatenate([tested.groups for tested in tests.values()]))
    groups = {seed: np.searchsorted(names, tested.groups).astype(np.int64) for seed, tested in tests.items()}
    credits = {
        (name, seed): {arm: credits_from_text(results[seed, arm][which], len(tested.groups)) for arm in arms}
        for seed, tested in tests.items()
    }
    return PairedResults(credits, groups, tuple(shifts), baseline=PLAIN, ideal=PLAIN)


if __name__ == "__main__":
    main()
