"""The study as numbers: what stands in ``metrics.json`` and in the report. JSON-ready, no arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from rewardsmith.contracts.metrics.study_noise import (
    ArmNumbers,
    Chosen,
    ChosenMethod,
    ChosenOfPool,
    DetectorNumbers,
    Gain,
    Pool,
    StudyFindings,
    StudyPlace,
)
from rewardsmith.studies.noise.detectors import DETECTORS
from rewardsmith.studies.noise.methods import ALL, CLEAN, ORACLE, PLAIN, TREATMENTS, Method, Role
from rewardsmith.studies.noise.planting import KINDS
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.trials.bootstrap import NUM_RESAMPLES, Codes
from rewardsmith.trials.cell_log import Result, credits_from_text
from rewardsmith.trials.paired_results import GapResults
from rewardsmith.trials.splits import split_by_group

Place = tuple[str, float]
"""Kind and rate."""

POOLS: dict[str, tuple[str, ...]] = {
    "votes": ("votes",),
    "uniform": ("uniform",),
    "hard": ("hard",),
    "longer": ("longer",),
    "clustered": ("clustered",),
    "structured": ("longer", "clustered"),
    "all": ("uniform", "hard", "longer", "clustered"),
}
"""Kinds of noise that are summed over; a set that has a single kind of a pool gives it that kind's numbers. `all`: what
can be planted at a rate."""
USABLE: tuple[Role, ...] = ("ours", "rival")
MIN_SEEDS = 2
"""To choose on, and to report on."""


def resampled_groups(pairs: StudyPairs, test_share: float, seeds: Sequence[int]) -> dict[int, Codes]:
    """With which others each decided test pair of a seed is drawn again."""
    found = {}
    for seed in seeds:
        test = split_by_group(pairs.split_groups, test_share, seed).test
        found[seed] = pairs.drawn_together[test][pairs.columns.target[test] != 0.5]
    return found


@dataclass(frozen=True)
class StudyResults:
    """Finished cells of a study, and the accuracies in them."""

    cells: Sequence[Result]
    methods: tuple[Method, ...]
    """Every method that some cell has, in the order of the first."""
    paired: GapResults[Place]

    @classmethod
    def of(
        cls,
        cells: Sequence[Result],
        tested: Mapping[int, Codes],
        seeds: Sequence[int],
        methods: Sequence[Method],
        num_resamples: int = NUM_RESAMPLES,
    ) -> StudyResults:
        """From cells that were computed with ``methods``; the set as it came first, then by kind and rate."""
        order = ("none", *KINDS)
        done = [cell for cell in cells if "arms" in cell]
        names = dict.fromkeys(name for cell in done for name in cell["arms"])
        by_name = {method.name: method for method in methods}
        credits = {
            (place_of(cell), cell["seed"]): {
                name: credits_from_text(arm["credit"], len(tested[cell["seed"]])) for name, arm in cell["arms"].items()
            }
            for cell in sorted(done, key=lambda cell: (order.index(cell["kind"]), cell["rate"]))
            if cell["seed"] in tested
        }
        paired = GapResults(credits, tested, tuple(seeds), PLAIN, num_resamples, ideal=CLEAN)
        return cls(cells, tuple(by_name[name] for name in names), paired)

    def of_seeds(self, seeds: Sequence[int]) -> StudyResults:
        """The same of some of the seeds."""
        return replace(self, paired=self.paired.of_seeds(seeds))

    def cells_of(self, place: Place) -> list[Result]:
        """Those with a result."""
        return [cell for cell in self.cells if place_of(cell) == place and "arms" in cell]

    def pool(self, kinds: Sequence[str]) -> list[Place]:
        """The places of some kinds that have a gap."""
        return [place for place in self.paired.places if place[0] in kinds and self.paired.has_gap(place)]

    def common(self, places: Sequence[Place]) -> list[Method]:
        """Methods that every place has, but for plain training; those of the page first and in its order."""
        names = {m.name for m in self.methods if all((place, m.name) in self.paired.measured for place in places)}
        found = [method for method in self.methods if method.name in names - {self.paired.baseline}]
        order = {name: index for index, name in enumerate(ALL)}
        return sorted(found, key=lambda method: order.get(method.name, len(order)))


def place_of(cell: Result) -> Place:
    """Where its result belongs, whatever its seed."""
    return cell["kind"], cell["rate"]


def findings(results: StudyResults) -> StudyFindings:
    """Everything that the cells say."""
    paired = results.paired
    pools = {name: places for name, kinds in POOLS.items() if (places := results.pool(kinds))}
    return {
        "methods": [{"name": method.name, "role": method.role} for method in results.methods],
        "seeds": list(paired.seeds),
        "num_test_groups": paired.num_tested_groups,
        "enough_groups": paired.enough_groups,
        "places": [_place(results, place) for place in paired.places],
        "pools": {name: _pool(results, places) for name, places in pools.items()},
        "clean": _clean(results),
        "chosen": chosen(results),
        "detectors": _detectors(results),
        "limits": {name: table for name, places in pools.items() if (table := limits(results, places))},
        "skipped": [
            {"kind": cell["kind"], "rate": cell["rate"], "seed": cell["seed"], "skipped": cell["skipped"]}
            for cell in results.cells
            if "skipped" in cell
        ],
        "failed": [
            {"kind": cell["kind"], "rate": cell["rate"], "seed": cell["seed"], "method": name, "reason": reason}
            for cell in results.cells
            for name, reason in cell.get("failed", {}).items()
        ],
        "seconds_a_cell": _median([cell["seconds"] for cell in results.cells if "seconds" in cell]),
    }


def _place(results: StudyResults, place: Place) -> StudyPlace:
    """One kind and rate: accuracies, gains in points with paired intervals, and what the audit made of it."""
    paired = results.paired
    cells = results.cells_of(place)
    gap = paired.gain(place, CLEAN)
    arms: dict[str, ArmNumbers] = {}
    for method in [method for method in results.methods if (place, method.name) in paired.measured]:
        gain = paired.gain(place, method.name)
        own = [cell["arms"][method.name] for cell in cells]
        arms[method.name] = {
            "accuracy": paired.mean(place, method.name).value,
            "gain": gain.as_dict(),
            "verdict": gain.verdict if method.role != "reference" else None,
            "nll": _mean([arm["nll"] for arm in own]),
            "share_dropped": _mean([arm["share_dropped"] for arm in own]),
            "label_error": _mean([arm["label_error"] for arm in own]),
            "share_at_end_of_grid": _mean([float(arm["at_end_of_grid"]) for arm in own]),
        }
    noise = [cell["audit"]["noise"] for cell in cells if cell["audit"]["noise"]]
    error = gap.standard_error if isfinite(gap.standard_error) else None
    return {
        "kind": place[0],
        "rate": place[1],
        "num_train": _mean([cell["num_train"] for cell in cells]),
        "num_test": _mean([cell["num_test"] for cell in cells]),
        "share_turned": _mean([cell["share_turned"] for cell in cells]),
        "share_made_ties": _mean([cell["share_made_ties"] for cell in cells]),
        "noise_found": _mean([found["value"] for found in noise]),
        "gap": {**gap.as_dict(), "standard_error": error, "counts": paired.has_gap(place)},
        "arms": arms,
    }


def _pool(results: StudyResults, places: list[Place]) -> Pool:
    """Shares of the gap closed over places that have one."""
    paired = results.paired
    return {
        "places": [list(place) for place in places],
        "mean_gap": paired.mean_gain(places, CLEAN).as_dict(),
        "methods": {
            method.name: {
                "share": paired.share(places, method.name).as_dict(),
                "gain": (gain := paired.mean_gain(places, method.name)).as_dict(),
                "verdict": gain.verdict,
            }
            for method in results.common(places)
        },
    }


def _clean(results: StudyResults) -> dict[str, Gain] | None:
    """What methods do to a set that nobody has spoilt."""
    place = ("none", 0.0)
    if place not in results.paired.places:
        return None
    gains = {method.name: results.paired.gain(place, method.name) for method in results.common([place])}
    return {name: {"gain": gain.as_dict(), "verdict": gain.verdict} for name, gain in gains.items()}


def chosen(results: StudyResults) -> Chosen | None:
    """The method that gains most on the first half of the seeds, and what it does on the others; by pool.

    Plain training takes part: where nothing gains, it is chosen. None with fewer than four seeds: on one, luck chooses.
    """
    seeds = results.paired.seeds
    half = len(seeds) // 2
    if half < MIN_SEEDS:
        return None
    first, second = results.of_seeds(seeds[:half]), results.of_seeds(seeds[half:])
    found: dict[str, ChosenOfPool] = {}
    for name, kinds in POOLS.items():
        places = [place for place in first.pool(kinds) if place in second.paired.places]
        if places:
            found[name] = {
                "ours": _choose(first, second, places, ("ours",)),
                "any": _choose(first, second, places, USABLE),
            }
    return {"chosen_on": list(seeds[:half]), "reported_on": list(seeds[half:]), "pools": found} if found else None


def _choose(first: StudyResults, second: StudyResults, places: list[Place], roles: Sequence[Role]) -> ChosenMethod:
    also = set(second.common(places))
    names = [PLAIN, *(m.name for m in first.common(places) if m in also and m.role in roles)]
    best = max(names, key=lambda name: first.paired.mean_gain(places, name).value)
    gain = second.paired.mean_gain(places, best)
    reported = [place for place in places if second.paired.has_gap(place)]
    share = second.paired.share(reported, best).as_dict() if reported else None
    return {"method": best, "gain": gain.as_dict(), "share": share, "verdict": gain.verdict}


def limits(results: StudyResults, places: list[Place]) -> dict[str, dict[str, float | None]] | None:
    """Share of the gap closed by each detector with each treatment: does the finding fall short, or the repair?"""
    found: dict[tuple[str | None, str | None], float | None] = {
        (method.detector, method.treatment): results.paired.share(places, method.name).value
        for method in results.common(places)
        if method.detector and method.form == "plain"
    }
    table = {
        detector: {t: found[detector, t] for t in TREATMENTS if (detector, t) in found}
        for detector in (*DETECTORS, ORACLE)
    }
    return {detector: row for detector, row in table.items() if row} or None


def _detectors(results: StudyResults) -> list[DetectorNumbers]:
    """Mean AUROC and F1 of each detector at each place with planted labels."""
    found: list[DetectorNumbers] = []
    for place in results.paired.places:
        cells = results.cells_of(place)
        names = {name for cell in cells for name, own in cell["detectors"].items() if own["auroc"] is not None}
        for name in [detector for detector in DETECTORS if detector in names]:
            own = [cell["detectors"][name] for cell in cells if name in cell["detectors"]]
            found.append(
                {
                    "kind": place[0],
                    "rate": place[1],
                    "detector": name,
                    "auroc": _mean([row["auroc"] for row in own]),
                    "precision": _mean([row["precision"] for row in own]),
                    "recall": _mean([row["recall"] for row in own]),
                    "f1": _mean([row["f1"] for row in own]),
                }
            )
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None
