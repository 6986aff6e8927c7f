"""The audit measures itself: plant known flips, refit everything, count what is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.metrics.audit import AtThreshold, Detector, PlantedAuroc, PlantedNumbers
from rewardsmith.metrics.detection import precision_recall
from rewardsmith.metrics.intervals import group_bootstrap
from rewardsmith.metrics.ranking import auroc
from rewardsmith.preferences.simulation.flips import FlipKind
from rewardsmith.strength.audited import Audited
from rewardsmith.strength.ensembles.ensemble import Ensemble, Targets
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.kinds import EnsembleKind
from rewardsmith.strength.evidence_gap import evidence_gap
from rewardsmith.strength.label_noise import LabelNoise, estimate_label_noise
from rewardsmith.strength.options import SelfAuditOptions
from rewardsmith.strength.planting import PLANTED, plant_flips, relabel
from rewardsmith.strength.review_curve import mean_review, review_curve
from rewardsmith.strength.rivals import Rival, structured_finder

THRESHOLDS = (0.3, 0.5, 0.7, 0.9)
NUM_RESAMPLES = 200
MIN_PLANTED = 10

Judge = Callable[[Targets, int], Judgements]
FindRivals = Callable[[Judgements, Targets, int], list[Rival]]


@dataclass(frozen=True)
class Pairs:
    """What the self-audit needs to know of the set; arrays [N]."""

    target: NDArray[np.float32]
    groups: NDArray[np.int64]
    """What may err together."""
    belief: NDArray[np.float64]
    responses: NDArray[np.int64] | None = None
    """[N, 2]: ``response_codes``."""

    @property
    def decided(self) -> NDArray[np.bool_]:
        """Pairs whose label is not a tie."""
        return np.asarray(self.target != 0.5)

    @property
    def num_judged(self) -> int:
        """Decided pairs that the judges have a belief of."""
        return int((self.decided & ~np.isnan(self.belief)).sum())


def self_audit(
    ensemble: Ensemble,
    kind: EnsembleKind,
    pairs: Pairs,
    audited: Audited,
    options: SelfAuditOptions,
    seed: int,
) -> list[PlantedNumbers]:
    """What is found of planted flips, one entry a kind of them; empty where none are planted: it says why."""
    rate = options.rate(kind)
    if rate == 0 or audited.noise is None:
        if options.planted_rate is None and audited.noise is not None:
            say("No flips were planted: that takes two more ensembles. `planted_rate` 0.2 asks for them.")
        return []
    if not can_plant(pairs, rate):
        say(f"No flips were planted: `planted_rate` {rate} of these pairs is too few to measure.")
        return []
    if not kind.refits and audited.in_sample:
        say("No flips were planted: given scores of members that trained on the pairs already know their labels.")
        return []

    def judge(target: Targets, at: int) -> Judgements:
        return ensemble.judge(target, at, labels="planted")

    def others(judged: Judgements, target: Targets, at: int) -> list[Rival]:
        found = ensemble.rivals(judged, target, at) if options.baselines else []
        if audited.structured is None:
            return found
        return [structured_finder(ensemble.structured(target, at, labels="planted"), len(target)), *found]

    return [
        merge_repeats(
            [
                planted_findings(planted, pairs, judge, others, audited.noise, rate, seed + 1 + repeat)
                for repeat in range(options.planted_repeats)
            ]
        )
        for planted in PLANTED
    ]


def planted_findings(
    kind: FlipKind, pairs: Pairs, judge: Judge, rivals: FindRivals | None, noise: LabelNoise, rate: float, seed: int
) -> PlantedNumbers:
    """One planting of a share ``rate`` of flips and everything that was found of it, as JSON-ready values.

    ``judge`` fits a new ensemble to the targets it is given, and ``rivals`` may use what it gave; ``noise`` is the
    estimate on the labels as they came.
    """
    planted = plant_flips(kind, pairs.decided, pairs.belief, rate, np.random.default_rng(seed))
    target = relabel(pairs.target, planted)
    judged = judge(target, seed)
    strength = judged.held_out() if (judged.num_judges >= 2).any() else judged.in_sample()
    gap = evidence_gap(strength.mean, target, pairs.responses, seed)
    seen = pairs.decided & ~np.isnan(gap)
    refit = estimate_label_noise(gap[seen], pairs.groups[seen])
    assert refit is not None  # there were gaps before planting
    p_wrong = refit.p_wrong(gap[seen])
    natural = noise.value if noise.identifiable else None
    truth, groups = planted[seen], pairs.groups[seen]
    others = rivals(judged, target, seed) if rivals else []
    suspicions = {rival.method: rival.suspicion[seen] for rival in others}
    return {
        "kind": kind,
        "rate": rate,
        "repeats": 1,
        "auroc": _auroc_interval(-gap[seen], truth, groups, seed),
        "by_threshold": [_at_threshold(p_wrong, truth, threshold, natural) for threshold in THRESHOLDS],
        "noise_expected": noise.value + rate * (1 - 2 * noise.value) if kind == "uniform" else None,
        "noise_found": {"value": refit.value, "low": refit.low, "high": refit.high},
        "review": review_curve(-gap[seen], suspicions, truth, groups, pairs.num_judged, noise, seed)
        if kind == "uniform"
        else None,
        "baselines": [
            _row(
                "rewardsmith",
                -gap[seen],
                p_wrong > 0.5,
                truth,
                "p_wrong; mask: above 0.5",
            ),
            *(
                _row(r.method, r.suspicion[seen], None if r.mask is None else r.mask[seen], truth, r.note)
                for r in others
            ),
        ],
    }


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


def _at_threshold(
    p_wrong: NDArray[np.float64], truth: NDArray[np.bool_], threshold: float, natural_rate: float | None
) -> AtThreshold:
    flagged = p_wrong > threshold
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
