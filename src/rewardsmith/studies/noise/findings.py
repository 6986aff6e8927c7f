"""The study as numbers: what stands in ``metrics.json`` and in the report. JSON-ready, no arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np

from rewardsmith.studies.noise.methods import ALL, CLEAN, ORACLE, PLAIN, TREATMENTS
from rewardsmith.studies.noise.statistics import POOLS, Place, Results, role_of
from rewardsmith.studies.noise.suspects import DETECTORS

DEPLOYABLE = ("ours", "rival")
MIN_SEEDS = 2
"""To choose on, and to report on."""


def findings(results: Results) -> dict[str, Any]:
    """Everything that the cells say."""
    return {
        "methods": [{"name": name, "role": role_of(name)} for name in results.methods],
        "seeds": list(results.seeds),
        "num_test_groups": results.num_tested_groups,
        "enough_groups": results.enough_groups,
        "places": [_place(results, place) for place in results.places],
        "pools": {name: pool for name, kinds in POOLS.items() if (pool := _pool(results, results.pool(kinds)))},
        "clean": _clean(results),
        "chosen": chosen(results),
        "detectors": _detectors(results),
        "limits": {name: table for name, kinds in POOLS.items() if (table := limits(results, results.pool(kinds)))},
        "skipped": [
            {key: cell[key] for key in ("kind", "rate", "seed", "skipped")}
            for cell in results.cells
            if "skipped" in cell
        ],
        "failed": [
            {**{key: cell[key] for key in ("kind", "rate", "seed")}, "method": name, "reason": reason}
            for cell in results.cells
            for name, reason in cell.get("failed", {}).items()
        ],
        "seconds_a_cell": _median([cell["seconds"] for cell in results.cells if "seconds" in cell]),
    }


def _place(results: Results, place: Place) -> dict[str, Any]:
    """One kind and rate: accuracies, gains in points with paired intervals, and what the audit made of it."""
    kind, rate = place
    cells = [c for c in results.cells if (c["kind"], c["rate"]) == place and c["seed"] in results.seeds and "arms" in c]
    gap = results.gain(place, CLEAN)
    arms = {}
    for name in [name for name in results.methods if (place, name) in results.measured]:
        gain = results.gain(place, name)
        own = [cell["arms"][name] for cell in cells]
        arms[name] = {
            "accuracy": results.accuracy(place, name).value,
            "gain": gain.as_dict(),
            "verdict": gain.verdict if name not in (PLAIN, CLEAN) else None,
            "nll": _mean([arm["nll"] for arm in own]),
            "share_dropped": _mean([arm["share_dropped"] for arm in own]),
            "label_error": _mean([arm["label_error"] for arm in own]),
            "share_at_end_of_grid": _mean([float(arm["at_end_of_grid"]) for arm in own]),
        }
    noise = [cell["audit"]["noise"] for cell in cells if cell["audit"]["noise"]]
    error = gap.standard_error if isfinite(gap.standard_error) else None
    return {
        "kind": kind,
        "rate": rate,
        "num_train": _mean([cell["num_train"] for cell in cells]),
        "num_test": _mean([cell["num_test"] for cell in cells]),
        "share_turned": _mean([cell["share_turned"] for cell in cells]),
        "share_made_ties": _mean([cell["share_made_ties"] for cell in cells]),
        "noise_found": _mean([found["value"] for found in noise]),
        "gap": {**gap.as_dict(), "standard_error": error, "counts": results.has_gap(place)},
        "arms": arms,
    }


def _pool(results: Results, places: list[Place]) -> dict[str, Any] | None:
    """Shares of the gap closed over places that have one."""
    if not places:
        return None
    return {
        "places": [list(place) for place in places],
        "mean_gap": results.mean_gain(places, CLEAN).as_dict(),
        "methods": {
            name: {
                "share": results.share(places, name).as_dict(),
                "gain": results.mean_gain(places, name).as_dict(),
                "verdict": results.mean_gain(places, name).verdict,
            }
            for name in _common(results, places)
        },
    }


def _clean(results: Results) -> dict[str, Any] | None:
    """What methods do to a set that nobody has spoilt."""
    place = ("none", 0.0)
    if place not in results.places:
        return None
    gains = {name: results.gain(place, name) for name in _common(results, [place])}
    return {name: {"gain": gain.as_dict(), "verdict": gain.verdict} for name, gain in gains.items()}


def chosen(results: Results) -> dict[str, Any] | None:
    """The method that gains most on the first half of the seeds, and what it does on the others; by pool.

    Plain training takes part: where nothing gains, it is chosen. None with fewer than four seeds: on one, luck chooses.
    """
    half = len(results.seeds) // 2
    if half < MIN_SEEDS:
        return None
    first, second = results.of_seeds(results.seeds[:half]), results.of_seeds(results.seeds[half:])
    found = {}
    for name, kinds in POOLS.items():
        places = [place for place in first.pool(kinds) if place in second.places]
        if places:
            found[name] = {
                "ours": _choose(first, second, places, ("ours",)),
                "any": _choose(first, second, places, DEPLOYABLE),
            }
    return {"chosen_on": list(first.seeds), "reported_on": list(second.seeds), "pools": found} if found else None


def _choose(first: Results, second: Results, places: list[Place], roles: Sequence[str]) -> dict[str, Any]:
    both = [name for name in _common(first, places) if name in _common(second, places)]
    names = [PLAIN, *(name for name in both if role_of(name) in roles)]
    best = max(names, key=lambda name: first.mean_gain(places, name).value)
    gain = second.mean_gain(places, best)
    reported = [place for place in places if second.has_gap(place)]
    share = second.share(reported, best).as_dict() if reported else None
    return {"method": best, "gain": gain.as_dict(), "share": share, "verdict": gain.verdict}


def limits(results: Results, places: list[Place]) -> dict[str, Any] | None:
    """Share of the gap closed by each detector with each treatment: does the finding fall short, or the repair?"""
    if not places:
        return None
    names = set(_common(results, places))
    table = {
        detector: {
            treatment: results.share(places, f"{detector}:{treatment}").value
            for treatment in TREATMENTS
            if f"{detector}:{treatment}" in names
        }
        for detector in (*DETECTORS, ORACLE)
    }
    return {detector: row for detector, row in table.items() if row} or None


def _detectors(results: Results) -> list[dict[str, Any]]:
    """Mean AUROC and F1 of each detector at each place with planted labels."""
    found = []
    for place in results.places:
        cells = [c for c in results.cells if (c["kind"], c["rate"]) == place and "arms" in c]
        names = {name for cell in cells for name, own in cell["detectors"].items() if own["auroc"] is not None}
        for name in [detector for detector in DETECTORS if detector in names]:
            own = [cell["detectors"][name] for cell in cells if name in cell["detectors"]]
            means = {key: _mean([row[key] for row in own]) for key in ("auroc", "precision", "recall", "f1")}
            found.append({"kind": place[0], "rate": place[1], "detector": name, **means})
    return found


def _common(results: Results, places: Sequence[Place]) -> list[str]:
    """Methods that every place has, those of the page first and in its order."""
    known = [name for name in results.methods if all((place, name) in results.measured for place in places)]
    order = {name: index for index, name in enumerate(ALL)}
    return sorted((name for name in known if name != PLAIN), key=lambda name: order.get(name, len(order)))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
