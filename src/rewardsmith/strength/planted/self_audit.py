"""The audit measures itself: plant known flips, refit everything, count what is found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.metrics.planted import AtThreshold, Detector, PlantedAuroc, PlantedNumbers, Reliability
from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.intervals import group_bootstrap
from rewardsmith.metrics.ranking import auroc
from rewardsmith.strength.audited import Audited
from rewardsmith.strength.ensembles.ensemble import Ensemble, Targets
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.kinds import EnsembleKind
from rewardsmith.strength.label_noise.posterior import LabelNoise
from rewardsmith.strength.options import SelfAuditOptions
from rewardsmith.strength.planted.planted_copy import Pairs, PlantedCopy, planted_copy
from rewardsmith.strength.planted.planting import PLANTED
from rewardsmith.strength.planted.review_curve import mean_review, review_curve
from rewardsmith.strength.rivals import Rival, structured_finder

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
NUM_RESAMPLES = 200
MIN_PLANTED = 10
NUM_BINS = 10
SEEDS_OF_A_KIND = 1000
"""Copies of another kind begin here: to judges that know nothing, all flips are alike, and would be the same ones."""


@dataclass(frozen=True)
class SelfAudit:
    """What was found of planted flips."""

    findings: list[PlantedNumbers]
    """One entry a kind of flips; empty where none were planted."""
    uniform: PlantedCopy | None
    """The first copy with flips on all pairs alike."""


def self_audit(
    ensemble: Ensemble,
    kind: EnsembleKind,
    pairs: Pairs,
    audited: Audited,
    options: SelfAuditOptions,
    seed: int,
) -> SelfAudit:
    """Plants flips of each kind and looks for them; where none are planted it says why."""
    rate = options.rate(kind)
    if rate == 0 or audited.noise is None:
        if options.planted_rate is None and audited.noise is not None:
            say("No flips were planted: that takes two more ensembles. `planted_rate` 0.2 asks for them.")
        return SelfAudit([], None)
    if not can_plant(pairs, rate):
        say(f"No flips were planted: `planted_rate` {rate} of these pairs is too few to measure.")
        return SelfAudit([], None)
    if not kind.refits and audited.in_sample:
        say("No flips were planted: given scores of members that trained on the pairs already know their labels.")
        return SelfAudit([], None)

    def judge(target: Targets, at: int) -> Judgements:
        return ensemble.judge(target, at, labels="planted")

    def others(copy: PlantedCopy) -> list[Rival]:
        found = ensemble.rivals(copy.judged, copy.target, copy.seed) if options.baselines else []
        if audited.structured is None:
            return found
        structured = ensemble.structured(copy.target, copy.seed, labels="planted")
        return [structured_finder(structured, len(copy.target)), *found]

    noise, first, findings = audited.noise, None, []
    for number, flips in enumerate(PLANTED):
        found = []
        for repeat in range(options.planted_repeats):
            copy = planted_copy(flips, pairs, judge, rate, seed + 1 + repeat + SEEDS_OF_A_KIND * number)
            found.append(planted_findings(copy, pairs.num_judged, others(copy), noise))
            first = first or copy
        findings.append(merge_repeats(found))
    return SelfAudit(findings, first)


def planted_findings(copy: PlantedCopy, num_judged: int, rivals: list[Rival], noise: LabelNoise) -> PlantedNumbers:
    """Everything that was found of one planting, as JSON-ready values.

    ``num_judged``: decided pairs of the set that could be judged; ``noise``: the estimate on the labels as they came.
    """
    uniform, seen, truth = copy.kind == "uniform", copy.seen, copy.planted
    suspicions = {rival.method: rival.suspicion[seen] for rival in rivals}
    return {
        "kind": copy.kind,
        "rate": copy.rate,
        "repeats": 1,
        "auroc": _auroc_interval(-copy.gap, truth, copy.groups, copy.seed),
        "by_threshold": [_at_threshold(copy, threshold, noise) for threshold in THRESHOLDS],
        "reliability": reliability(copy.p_wrong, truth, copy.rate, noise.value),
        "noise_expected": noise.value + copy.rate * (1 - 2 * noise.value) if uniform else None,
        "noise_found": {"value": copy.noise.value, "low": copy.noise.low, "high": copy.noise.high},
        "review": review_curve(-copy.gap, suspicions, truth, copy.groups, num_judged, noise, copy.seed)
        if uniform
        else None,
        "baselines": [
            _row("rewardsmith", -copy.gap, copy.p_wrong > 0.5, truth, "p_wrong; mask: above 0.5"),
            *(
                _row(r.method, r.suspicion[seen], None if r.mask is None else r.mask[seen], truth, r.note)
                for r in rivals
            ),
        ],
    }


def reliability(
    p_wrong: NDArray[np.float64], planted: NDArray[np.bool_], rate: float, share: float
) -> list[Reliability]:
    """Promised against found by tenths of ``p_wrong`` [n].

    In a copy with a share ``rate`` of flips, the wrong labels that were flipped were right before, and the right ones
    were wrong; the set's own ``share`` of wrong labels says how many of either there are.
    """
    of_wrong = rate * (1 - share) / (rate * (1 - share) + (1 - rate) * share)
    of_right = rate * share / (rate * share + (1 - rate) * (1 - share))
    bins = np.minimum((p_wrong * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    return [
        {
            "low": b / NUM_BINS,
            "high": (b + 1) / NUM_BINS,
            "count": int((bins == b).sum()),
            "promised": float(p_wrong[bins == b].mean()),
            "expected": float(of_right + (of_wrong - of_right) * p_wrong[bins == b].mean()),
            "found": float(planted[bins == b].mean()),
        }
        for b in np.unique(bins).tolist()
    ]


def can_plant(pairs: Pairs, rate: float) -> bool:
    """Whether a share ``rate`` leaves enough planted and enough untouched labels to measure anything."""
    return MIN_PLANTED <= round(rate * pairs.num_judged) <= pairs.num_judged - MIN_PLANTED


def merge_repeats(findings: list[PlantedNumbers]) -> PlantedNumbers:
    """Several plantings of one kind as one entry: AUROCs and review curves are means, all else is of the first."""
    merged: PlantedNumbers = {**findings[0], "repeats": len(findings)}
    if len(findings) == 1:
        return merged
    aurocs = [finding["auroc"]["value"] for finding in findings]
    merged["auroc"] = {**merged["auroc"], "value": float(np.mean(aurocs)), "std": float(np.std(aurocs, ddof=1))}
    merged["review"] = mean_review([finding["review"] for finding in findings])
    merged["baselines"] = [
        {**first, "auroc": float(np.mean([finding["baselines"][i]["auroc"] for finding in findings]))}
        for i, first in enumerate(findings[0]["baselines"])
    ]
    return merged


def _at_threshold(copy: PlantedCopy, threshold: float, noise: LabelNoise) -> AtThreshold:
    flagged, truth = copy.p_wrong > threshold, copy.planted
    natural_rate = noise.value if noise.identifiable else None
    found = precision_recall(flagged, truth)
    hits, alarms = float(flagged[truth].mean()), float(flagged[~truth].mean())
    at_rate = None
    if natural_rate is not None and hits + alarms > 0:
        at_rate = natural_rate * hits / max(natural_rate * hits + (1 - natural_rate) * alarms, 1e-12)
    return {"threshold": threshold, **found, "precision_at_natural_rate": at_rate}


def _auroc_interval(
    score: NDArray[np.floating], truth: NDArray[np.bool_], groups: NDArray[np.int64], seed: int
) -> PlantedAuroc:
    if len(score) > 100_000:
        return {"value": auroc(score, truth), "low": None, "high": None}
    both = np.column_stack([score, truth])
    interval = group_bootstrap(both, groups, lambda rows: auroc(rows[:, 0], rows[:, 1] > 0), NUM_RESAMPLES, seed)
    ends = interval.as_dict()
    return {"value": interval.value, "low": ends["low"], "high": ends["high"]}


def _row(
    method: str, score: NDArray[np.floating], mask: NDArray[np.bool_] | None, truth: NDArray[np.bool_], note: str
) -> Detector:
    found = precision_recall(mask, truth) if mask is not None else None
    return {
        "method": method,
        "auroc": auroc(score, truth),
        "precision": found and found["precision"],
        "recall": found and found["recall"],
        "f1": found and found["f1"],
        "note": note,
    }
