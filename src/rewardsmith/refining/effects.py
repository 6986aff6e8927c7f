"""What refining did to a set: how many pairs each rule changed, and whom the repaired labels favour now."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.metrics.refine import (
    AuditedNumbers,
    DoubtedNumbers,
    Effects,
    GroupEffect,
    LengthBalance,
    PairCounts,
    RuleEffect,
)
from rewardsmith.refining.evidence import Evidence, Names, Reads
from rewardsmith.refining.recipe import Refined
from rewardsmith.refining.rule_values import plain
from rewardsmith.refining.rules.rule import goes_by
from rewardsmith.refining.supervision import Floats, Mask, Supervision

JUDGED = {Reads.JUDGES, Reads.STRUCTURED}
DOUBTFUL = 0.5


def effects(evidence: Evidence, given: Supervision, refined: Refined, max_named: int) -> Effects:
    """Counts, effects by rule and balances, JSON-ready. Of categories and annotators, the ``max_named`` largest."""
    now = refined.supervision
    return {
        "pairs": pair_counts(given, now),
        "rules": rule_effects(given, refined),
        "length": length_balance(evidence.longer, given, now),
        "categories": group_effects(evidence.category, given, now, max_named),
        "annotators": group_effects(evidence.annotator_id, given, now, max_named),
    }


def pair_counts(given: Supervision, now: Supervision) -> PairCounts:
    """How many pairs are what they were, and how many were changed in which way (a pair may be in several)."""
    changed = ~given.equal(now)
    by_way = {name: int(mask.sum()) for name, mask in ways(given, now).items()}
    total, squares = float(now.weight.sum()), float(np.square(now.weight).sum())
    return {
        "num_pairs": len(given),
        "num_unchanged": int((~changed).sum()),
        "num_changed": int(changed.sum()),
        "num_turned": by_way["turned"],
        "num_softened": by_way["softened"],
        "num_dropped": by_way["dropped"],
        "num_reweighted": by_way["reweighted"],
        "num_with_margin": by_way["with_margin"],
        "weight_given": float(given.weight.sum()),
        "weight": total,
        "effective_pairs": total**2 / squares if squares else 0.0,
    }


def ways(given: Supervision, now: Supervision) -> dict[str, Mask]:
    """Pairs [N] by the ways in which they changed. ``turned``: flipped, the label prefers the other response now."""
    moved = now.target != given.target
    return {
        "turned": (now.target - 0.5) * (given.target - 0.5) < 0,
        "softened": moved & (now.target != 1 - given.target),
        "dropped": (now.weight == 0) & (given.weight > 0),
        "reweighted": (now.weight != given.weight) & (now.weight > 0),
        "with_margin": now.margin != given.margin,
    }


def audited_numbers(
    evidence: Evidence, given: Supervision, refined: Refined, level: ClaimLevel, warnings: list[str]
) -> AuditedNumbers:
    """How many labels the audit doubts, and what became of those; nothing is counted where it cannot tell."""
    changed = ways(given, refined.supervision)
    plain, structured = evidence.p_wrong, evidence.p_wrong_structured
    found = [None, None] if level == "cannot_tell" else [_doubted(chance, changed) for chance in (plain, structured)]
    return {
        "level": level,
        "warnings": warnings,
        "asks_structured": refined.recipe.reads_structured,
        "p_wrong": found[0],
        "p_wrong_structured": found[1],
        "num_doubted_by_both": None if None in found else int(((plain > DOUBTFUL) & (structured > DOUBTFUL)).sum()),
    }


def _doubted(chance: Floats, changed: Mapping[str, Mask]) -> DoubtedNumbers | None:
    """None where nothing is known."""
    if np.isnan(chance).all():
        return None
    doubted = chance > DOUBTFUL
    return {
        "num_doubted": int(doubted.sum()),
        "num_turned": int((doubted & changed["turned"]).sum()),
        "num_dropped": int((doubted & changed["dropped"]).sum()),
        "expected_wrong": float(np.nansum(chance)),
        "expected_wrong_turned": float(np.nansum(chance[changed["turned"]])),
        "expected_wrong_dropped": float(np.nansum(chance[changed["dropped"]])),
    }


def counted_twice(given: Supervision, refined: Refined) -> int:
    """Pairs whose target was softened and whose margin was set by the same judges.

    The optimum gap is margin + logit(target). Targets that votes, a person or plain smoothing gave do not count, and a
    flip leaves a label as sure as it was.
    """
    target, margin = (np.zeros(len(given), dtype=bool) for _ in range(2))
    old = given
    for rule, change in zip(refined.recipe.rules, refined.changes, strict=True):
        now = change.supervision
        by_judges = bool(goes_by(rule) & JUDGED)
        softened = (now.target != old.target) & (now.target != 1 - old.target)
        target = np.where(softened, by_judges | (target & (Reads.TARGET in rule.reads)), target)
        margin = np.where(now.margin != old.margin, bool(rule.reads & JUDGED), margin)
        old = now
    return int((ways(given, refined.supervision)["softened"] & target & margin).sum())


def rule_effects(given: Supervision, refined: Refined) -> list[RuleEffect]:
    """For each rule, how many pairs it was for and how many of them it changed."""
    found: list[RuleEffect] = []
    before = given
    for rule, label, change in zip(refined.recipe.rules, refined.recipe.labels, refined.changes, strict=True):
        changed = ~before.equal(change.supervision)
        found.append(
            {
                "rule": label,
                "parameters": plain(rule),
                "num_selected": int(change.selected.sum()),
                "num_changed": int(changed.sum()),
            }
        )
        before = change.supervision
    return found


def length_balance(longer: Floats, given: Supervision, now: Supervision) -> LengthBalance | None:
    """Share of the weight, among pairs of unequal length, on which the labels call the longer response better."""
    if not np.any((longer == 1) | (longer == -1)):
        return None
    return {
        "longer_is_better_given": _longer_share(longer, given),
        "longer_is_better": _longer_share(longer, now),
        "num_pairs": int(((longer == 1) | (longer == -1)).sum()),
    }


def group_effects(names: Names, given: Supervision, now: Supervision, max_named: int) -> list[GroupEffect] | None:
    """For each name, the largest first: pairs, how many were flipped and dropped, share of the weight before and after.

    None where nobody is named.
    """
    labels, codes = np.unique(np.array([name or "" for name in names]), return_inverse=True)
    counts = np.bincount(codes)
    named = [c for c in np.argsort(-counts, kind="stable") if labels[c]]
    if not named:
        return None
    masks = ways(given, now)
    flipped, dropped = (np.bincount(codes, weights=masks[way]) for way in ("turned", "dropped"))
    shares = [_shares(codes, supervision.weight) for supervision in (given, now)]
    return [
        {
            "name": str(labels[c]),
            "count": int(counts[c]),
            "num_turned": int(flipped[c]),
            "num_dropped": int(dropped[c]),
            "weight_share_given": float(shares[0][c]),
            "weight_share": float(shares[1][c]),
        }
        for c in named[:max_named]
    ]


def _longer_share(longer: Floats, supervision: Supervision) -> float | None:
    unequal = (longer == 1) | (longer == -1)
    weight = np.where(unequal, supervision.weight, 0.0)
    total = float(weight.sum())
    chance = np.where(longer == 1, supervision.target, 1 - supervision.target)
    return float(np.dot(weight, chance)) / total if total else None


def _shares(codes: NDArray[np.int64], weight: Floats) -> Floats:
    total = float(weight.sum())
    return np.bincount(codes, weights=weight) / (total if total else 1.0)
