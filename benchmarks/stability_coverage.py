"""Where an audit of a small set names a range for a count, how often does the count of another sample lie in it?

Question   Samples of one size are drawn from a set, and each is audited with its ranges (`stability`). Given: how often
           the count of one sample lies in the range of another, over all ordered pairs of samples; the counts; the
           median range; seconds for the ranges of one sample.
Workload   Samples of real sets are drawn by `--max_pairs`, and share pairs where the set is small, which flatters.
           Simulated ones (best linear judge 0.93 and 0.85, 15 % uniform flips, two pairs a prompt) share none.
Ceiling    The 5th to 95th percentile of a bootstrap that knows the spread of the count holds that of another sample in
           75 %, since both vary.
Command    python benchmarks/stability_coverage.py --data ../shared/data --sets hh_rlhf llmbar.jsonl.gz simulated:strong
"""

from __future__ import annotations

import argparse
import json
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.tables import PAIRS
from rewardsmith.models.options import LoraOptions, ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.simulation.features import simulate_features
from rewardsmith.strength.audited import audit_pairs
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.design import Candidate, Design
from rewardsmith.strength.ensembles.ensemble import EnsembleInputs
from rewardsmith.strength.ensembles.judgements import learnable
from rewardsmith.strength.ensembles.probe_ensemble import ProbeEnsemble
from rewardsmith.strength.numbers.stability import counted, stability_numbers
from rewardsmith.strength.options import MemberOptions, StrengthOptions

NAMES = ("flagged", "ambiguous", "strong", "share")
SIMULATED: dict[str, dict[str, Any]] = {
    "strong": {"num_features": 8, "gap_std": 4.0, "unexplained": 0.05},
    "middling": {"num_features": 24, "gap_std": 3.0, "unexplained": 0.2},
}


class SimulatedEnsemble(ProbeEnsemble):
    """Probes on features that no model has read."""

    def __init__(self, inputs: EnsembleInputs, differences: Any) -> None:
        super().__init__(inputs)
        self._rows = torch.from_numpy(differences)

    @cached_property
    def _designs(self) -> list[Design]:
        return [Design(Candidate("simulated", ()), self._rows / self._rows.square().sum(1).mean().sqrt())]


def sample(name: str, size: int, seed: int, data: Path) -> tuple[ProbeEnsemble, pa.Table, Any]:
    """Judges, pairs and groups of one sample."""
    if not name.startswith("simulated:"):
        pairs = load_preferences(str(data / name), DataOptions(max_pairs=size), seed).table
        groups = fold_groups(pairs, "prompt")
        return ProbeEnsemble(inputs(pairs, groups)), pairs, groups
    made = simulate_features(size, flip_rate=0.15, pairs_per_prompt=2, seed=seed, **SIMULATED[name.split(":")[1]])
    rows = [{"pair_id": str(i), "row": i, "target": 1.0, "weight": 1.0} for i in range(size)]
    pairs = pa.Table.from_pylist(rows, schema=PAIRS)
    differences = made.features_chosen - made.features_rejected
    return SimulatedEnsemble(inputs(pairs, made.group), differences), pairs, made.group


def inputs(pairs: pa.Table, groups: Any) -> EnsembleInputs:
    return EnsembleInputs(
        pairs=pairs,
        groups=groups,
        folder=Path(),
        pairs_file=Path(),
        strength=StrengthOptions(),
        members=MemberOptions(),
        model=ModelOptions(),
        lora=LoraOptions(),
    )


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Counts [S, 4], ranges [S, 4, 2] and the shares of other samples inside."""
    counts, ranges, seconds = [], [], []
    for seed in range(args.samples):
        ensemble, pairs, groups = sample(name, args.size, seed, args.data)
        target = learnable(pairs["target"].to_numpy(), pairs["weight"].to_numpy())
        audited = audit_pairs(pairs, ensemble.judge(target, seed), groups, seed)
        start = time.process_time()
        found = stability_numbers(ensemble, audited, target, groups, seed)
        seconds.append(time.process_time() - start)
        assert found is not None  # or the size is not small
        own = counted(audited)
        counts.append([round(own[key] * len(pairs)) for key in NAMES[:3]] + [own["share"]])
        ranges.append([[found[key]["low"], found[key]["high"]] for key in NAMES])  # type: ignore[literal-required]
    count, (low, high) = np.array(counts), np.moveaxis(np.array(ranges), 2, 0)
    inside = (low[:, None] <= count[None]) & (count[None] <= high[:, None])
    others = inside[~np.eye(args.samples, dtype=bool)].mean(axis=0)
    return {
        "set": name,
        "size": args.size,
        "samples": args.samples,
        "cpu_seconds": round(float(np.median(seconds)), 1),
        **{
            key: {
                "counts": [round(float(value), 3) for value in count[:, i]],
                "median_range": [round(float(np.median(end[:, i])), 3) for end in (low, high)],
                "others_inside": round(float(others[i]), 2),
            }
            for i, key in enumerate(NAMES)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", default=["simulated:strong", "simulated:middling"])
    parser.add_argument("--size", type=int, default=200, help="pairs of a sample, under 500")
    parser.add_argument("--samples", type=int, default=8)
    args = parser.parse_args()
    set_quiet(True)
    torch.set_num_threads(1)
    for name in args.sets:
        found = measure(name, args)
        print(f"\n{name}: {args.samples} samples of {args.size}, {found['cpu_seconds']} s of processor time for ranges")
        for key in NAMES:
            part = found[key]
            low, high = part["median_range"]
            print(f"  {key:10} others inside {part['others_inside']:.2f}  range {low:g} to {high:g}  {part['counts']}")
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
