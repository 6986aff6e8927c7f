"""Audit and refine in turn, until the labels in doubt stay the same.

The judges of a round have learned the labels as the round before left them, so they see more; what they say is always
held against the labels *as given*, and the recipe begins with those each time. So a round replaces the one before it,
a label that comes to look right is given back, and the last round alone explains what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.refining.effects import ways
from rewardsmith.refining.evidence import Evidence
from rewardsmith.refining.recipe import Recipe, Refined, apply_recipe
from rewardsmith.refining.rules.adaptive_margin import AdaptiveMargin
from rewardsmith.refining.rules.reweight import Reweight
from rewardsmith.refining.rules.rule import Rule
from rewardsmith.refining.rules.soft_label import SoftLabel
from rewardsmith.refining.selection import MEASURED
from rewardsmith.refining.supervision import Mask, Supervision
from rewardsmith.strength.judgements import Judgements, learnable

DOUBTFUL = 0.5
STABLE = (
    0.9  # pairs near the line go on crossing it; what comes later finds no more (docs/methods/learned_corrections.md)
)

Judge = Callable[[NDArray[np.float32]], Judgements]
Examine = Callable[[Judgements], Evidence]


@dataclass(frozen=True)
class Round:
    """What judges said, and what the recipe made of it."""

    evidence: Evidence
    refined: Refined
    flagged: Mask
    """Pairs whose label as given is more likely wrong than right."""
    overlap: float | None
    """Shared part of this and the last round's flagged pairs (intersection over union); None in the first round."""

    @property
    def stable(self) -> bool:
        """Nine tenths of the pairs that this round or the one before flagged were flagged by both."""
        return self.overlap is not None and self.overlap >= STABLE


def refine_in_rounds(
    judge: Judge, examine: Examine, recipe: Recipe, given: Supervision, max_rounds: int
) -> list[Round]:
    """At most ``max_rounds`` rounds; the last one counts. It ends when the flagged pairs are stable.

    ``judge`` fits an ensemble to targets [N]; ``examine`` holds what it says against the labels as given.
    """
    rounds: list[Round] = []
    target = learnable(given.target, given.weight)
    for _ in range(max_rounds):
        evidence = examine(judge(target))
        refined = apply_recipe(recipe, evidence, given)
        flagged = np.asarray(evidence.p_wrong > DOUBTFUL)
        rounds.append(Round(evidence, refined, flagged, overlap(flagged, rounds[-1].flagged) if rounds else None))
        if rounds[-1].stable:
            break
        target = learnable(refined.supervision.target, refined.supervision.weight)
    return rounds


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union; 1 for two empty sets."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def reads_in_sample(rule: Rule) -> bool:
    """Whether a rule goes by members that trained on the pairs, whose word on a repaired label is the repair itself."""
    return rule.where.in_sample or (isinstance(rule, AdaptiveMargin) and rule.source == "in_sample")


def heeds_judges(rule: Rule) -> bool:
    """Whether a rule goes by what judges say once they have learned other labels."""
    by_rule = (
        isinstance(rule, AdaptiveMargin)
        or (isinstance(rule, SoftLabel) and rule.from_ in ("posterior", "vote_share"))
        or (isinstance(rule, Reweight) and rule.by != "constant")
    )
    return by_rule or any(getattr(rule.where, name) is not None for name in MEASURED)


def round_metrics(given: Supervision, rounds: list[Round]) -> list[dict[str, Any]]:
    """One entry a round, JSON-ready; turned and dropped by the recipe, as in ``effects.ways``."""
    found = []
    for round_ in rounds:
        changed = ways(given, round_.refined.supervision)
        found.append(
            {
                "num_flagged": int(round_.flagged.sum()),
                "overlap_with_last": round_.overlap,
                "num_turned": int(changed["turned"].sum()),
                "num_dropped": int(changed["dropped"].sum()),
            }
        )
    return found
