"""Does reading the audit's list find as many wrong labels as its review curve says?

Question   Labels that are as good as certain get uniform flips that the audit does not know of. It plants its own on
           top and says what reading the first pairs finds, with a range. How many are truly there, and does the range
           hold them?
Workload   Unanimous pairs of a set, at most --max_pairs; a share of --rates flipped, --seeds draws each. Found: with
           the audit's own estimate of the share of wrong labels (its range is the one reported), and with the true
           share in its place, which leaves the shape of the curve alone.
Ceiling    Found wrong labels are a draw: two standard deviations of the count are counted as held.
Command    python benchmarks/review_curve.py --sets ukp_convarg.jsonl.gz pandalm_test.jsonl.gz
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.judgements import Judgements, as_labelled
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.ensembles.probe_ensemble import pair_features
from rewardsmith.strength.label_noise.posterior import LabelNoise, estimate_label_noise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.planted.planted_copy import Pairs, planted_copy
from rewardsmith.strength.planted.planting import plant_flips, relabel
from rewardsmith.strength.planted.self_audit import planted_findings

MIN_VOTES = 3


def unanimous(pairs: pa.Table) -> pa.Table:
    """Decided pairs in which every voter, three or more, is of one mind with the label."""
    votes = [pairs[name].fill_null(0) for name in ("votes_chosen", "votes_rejected", "votes_tie")]
    others = pc.add(votes[1], votes[2])
    return pairs.filter(pc.and_(pc.greater_equal(votes[0], MIN_VOTES), pc.equal(others, 0)))


def measure(file: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row for each rate and seed."""
    pairs = unanimous(load_preferences(str(args.data / file), DataOptions(), seed=0).table)
    if len(pairs) > args.max_pairs:
        picked = np.sort(np.random.default_rng(0).permutation(len(pairs))[: args.max_pairs])
        pairs = pairs.take(pa.array(picked))
    designs = pair_features(pairs, ModelOptions(), "float32").designs
    groups, target = fold_groups(pairs, "prompt"), pairs["target"].to_numpy()
    options = StrengthOptions(num_judges=args.judges)

    def judge(labels: Any, at: int) -> Judgements:
        return probe_judgements(designs, labels, groups, options, at)

    rows = []
    for rate in args.rates:
        for seed in range(args.seeds):
            rng = np.random.default_rng(seed)
            wrong = plant_flips("uniform", target != 0.5, np.full(len(target), 0.5), rate, rng)
            given = relabel(target, wrong)
            gap = as_labelled(judge(given, seed).held_out().mean, given)
            noise = estimate_label_noise(gap, groups)
            assert noise is not None
            known = Pairs(given, groups, noise.belief(np.where(given > 0.5, gap, -gap)))
            row: dict[str, Any] = {"set": file, "pairs": len(pairs), "rate": rate, "seed": seed}
            truth = replace(noise, value=rate, low=rate, high=rate)
            for name, believed in (("own", noise), ("true", truth)):
                row |= {f"{name}_{key}": value for key, value in promised(known, judge, believed, seed).items()}
            number = row["true_num_read"]
            row["found"] = int(wrong[np.argsort(gap, kind="stable")[:number]].sum())
            rows.append(row)
    return rows


def promised(pairs: Pairs, judge: Any, noise: LabelNoise, seed: int) -> dict[str, Any]:
    """The headline of the review curve; nothing is promised where nothing is expected."""
    review = planted_findings(planted_copy("uniform", pairs, judge, 0.2, seed + 100), pairs.num_judged, [], noise)[
        "review"
    ]
    return {"found": 0.0, "low": 0.0, "high": 0.0} if review is None else {**review["first"]}


def show(rows: list[dict[str, Any]]) -> None:
    """One rate of one set as a line of the table."""
    mean = {key: np.mean([row[key] for row in rows]) for key in ("found", "own_found", "true_found", "true_at_random")}
    held = [sum(holds(row, name) for row in rows) for name in ("own", "true")]
    print(
        f"| {rows[0]['set'].partition('.')[0]} | {rows[0]['pairs']:,} | {rows[0]['rate']:.0%} "
        f"| {rows[0]['true_num_read']} "
        f"| {mean['true_at_random']:.1f} | {mean['found']:.1f} | {mean['true_found']:.1f} | {held[1]} of {len(rows)} "
        f"| {mean['own_found']:.1f} | {held[0]} of {len(rows)} |",
        flush=True,
    )


def holds(row: dict[str, Any], name: str) -> bool:
    """Whether the range holds what is there, give or take two standard deviations of a count."""
    luck = 2 * np.sqrt(row["found"] * max(1 - row["found"] / row["true_num_read"], 0))
    return bool(row[f"{name}_low"] - luck <= row["found"] <= row[f"{name}_high"] + luck)


def main() -> None:
    """Runs the sets one after the other; each ends in one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", required=True)
    parser.add_argument("--rates", type=float, nargs="+", default=[0.1, 0.2])
    parser.add_argument("--max_pairs", type=int, default=1500)
    parser.add_argument("--judges", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    print("| set | pairs | wrong | read | at random | there | by true share | held | by its own | held |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for file in args.sets:
        rows = measure(file, args)
        for rate in args.rates:
            show([row for row in rows if row["rate"] == rate])
        print(json.dumps(rows), flush=True)


if __name__ == "__main__":
    main()
