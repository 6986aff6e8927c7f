"""Which repair would have been chosen on the other sets, and what is it worth on this one?

Question   Over several noise studies (one a preference set): the share of the gap that each method closes, pooled over
           sets, and the method chosen leaving each set out, with the interval that the set left out gives it.
Workload   The ``metrics.json`` of finished studies; nothing is computed anew. Only kinds and rates whose gap exceeds
           twice its standard error count; a set without one in the pool is named and takes no part.
Ceiling    1: as good as clean labels.
Command    python benchmarks/noise_study_sets.py runs/study-noise-a runs/study-noise-b --pool structured
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rewardsmith.studies.noise.findings import POOLS, USABLE
from rewardsmith.studies.noise.methods import PLAIN

NO_GAIN = {"share": {"value": 0.0, "low": 0.0, "high": 0.0}, "gain": {"value": 0.0}, "verdict": "unclear"}

Set = Mapping[str, Mapping[str, Any]]
"""Of one preference set: what the pool says of each method that could be used, and the sum of its gaps."""


def usable(metrics: Mapping[str, Any], pool: str) -> dict[str, dict[str, Any]] | None:
    """Share, summed gain and gap of every method that reads no truth; None where the pool has no gap."""
    found = metrics["pools"].get(pool)
    if not found:
        return None
    number = len(found["places"])
    roles = {method["name"]: method["role"] for method in metrics["methods"]}
    methods = {name: own for name, own in found["methods"].items() if roles.get(name) in USABLE}
    return {
        name: {"share": own["share"], "gain": number * own["gain"]["value"], "gap": number * found["mean_gap"]["value"]}
        for name, own in {**methods, PLAIN: NO_GAIN}.items()
    }


def pooled(sets: Sequence[Set]) -> dict[str, float]:
    """Sum of gains over sum of gaps over several sets, of every method that all of them have."""
    names = set.intersection(*(set(one) for one in sets))
    return {name: sum(one[name]["gain"] for one in sets) / sum(one[name]["gap"] for one in sets) for name in names}


def leaving_each_out(sets: Mapping[str, Set]) -> dict[str, dict[str, Any]]:
    """For each set: the method that closes most on all others, and its share with interval on this one."""
    found = {}
    for name, own in sets.items():
        others = pooled([one for other, one in sets.items() if other != name])
        best = max((method for method in others if method in own), key=others.__getitem__)
        found[name] = {"method": best, **own[best]}
    return found


def main() -> None:
    """Prints a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--pool", choices=POOLS, default="all")
    args = parser.parse_args()
    read = {str(folder): json.loads((folder / "metrics.json").read_text()) for folder in args.folders}
    sets = {name: own for name, metrics in read.items() if (own := usable(metrics, args.pool)) is not None}
    print("".join(f"{name}: no gap of the pool {args.pool}\n" for name in read if name not in sets), end="")
    everywhere = pooled(list(sets.values())) if sets else {}
    print(f"share of the gap, pool {args.pool}; sets {', '.join(sets)}")
    for name, share in sorted(everywhere.items(), key=lambda item: -item[1]):
        own_shares = "  ".join(f"{one[name]['share']['value']:6.0%}" for one in sets.values())
        print(f"  {name:32} {share:6.0%}   {own_shares}")
    left_out = leaving_each_out(sets) if len(sets) > 1 else {}
    for name, own in left_out.items():
        share = own["share"]
        ends = f" ({share['low']:.0%} to {share['high']:.0%})" if share["low"] is not None else ""
        print(f"chosen without {name}: {own['method']}, which closes {share['value']:.0%}{ends} there")
    if left_out:
        together = sum(own["gain"] for own in left_out.values()) / sum(own["gap"] for own in left_out.values())
        print(f"all of these choices together close {together:.0%}")
    print(json.dumps({"pool": args.pool, "pooled": everywhere, "left_out": left_out}))


if __name__ == "__main__":
    main()
