"""Which repair would have been chosen on the other sets, and what is it worth on this one?

Question   Over several noise studies (one a preference set): the share of the gap that each method closes, pooled over
           sets, and the method chosen leaving each set out.
Workload   The ``metrics.json`` of finished studies; nothing is computed anew. Only kinds and rates whose gap exceeds
           twice its standard error count.
Ceiling    1: as good as clean labels.
Command    python benchmarks/noise_study_sets.py runs/study-noise-a runs/study-noise-b --kinds longer clustered
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def sums(metrics: dict[str, Any], kinds: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Sum of gains and of gaps of each method that could be used, over places that have a gap."""
    usable = {method["name"] for method in metrics["methods"] if method["role"] in ("ours", "rival")} | {"plain"}
    places = [
        place for place in metrics["places"] if place["kind"] in kinds and place["rate"] and place["gap"]["counts"]
    ]
    found = {}
    for name in usable:
        if all(name in place["arms"] for place in places):
            gains = sum(place["arms"][name]["gain"]["value"] for place in places)
            found[name] = (gains, sum(place["gap"]["value"] for place in places))
    return found


def pooled(sets: Sequence[dict[str, tuple[float, float]]]) -> dict[str, float]:
    """Share of the gap over several sets, of every method that all of them have."""
    names = set.intersection(*(set(one) for one in sets))
    gaps = sum(next(iter(one.values()))[1] for one in sets)
    return {name: sum(one[name][0] for one in sets) / gaps for name in names} if gaps else {}


def main() -> None:
    """Prints a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--kinds", nargs="+", default=["uniform", "hard", "longer", "clustered"])
    args = parser.parse_args()
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in args.folders]
    by_set = {m["dataset_name"]: sums(m, args.kinds) for m in metrics}
    everywhere = pooled(list(by_set.values()))
    print(f"share of the gap, kinds {', '.join(args.kinds)}; sets {', '.join(by_set)}")
    for name, share in sorted(everywhere.items(), key=lambda item: -item[1]):
        own = [one[name][0] / one[name][1] if one[name][1] else float("nan") for one in by_set.values()]
        print(f"  {name:32} {share:6.0%}   " + "  ".join(f"{value:6.0%}" for value in own))
    left_out = {}
    for name, own in by_set.items():
        others = [one for other, one in by_set.items() if other != name]
        if others and (shares := pooled(others)):
            best = max(shares, key=shares.__getitem__)
            gain, gap = own[best]
            left_out[name] = {"method": best, "share": gain / gap if gap else None}
            print(f"chosen without {name}: {best}, which closes {gain / gap:.0%} there" if gap else f"{name}: no gap")
    print(json.dumps({"kinds": args.kinds, "pooled": everywhere, "left_out": left_out}))


if __name__ == "__main__":
    main()
