"""Audit and refine in turn, until the labels in doubt stay the same.

The judges of a round have learned the labels as the round before left them, so they see more; what they say is always
held against the labels *as given*, and the recipe begins with those each time. So a round replaces the one before it,
a label that comes to look right is given back, and the last round alone explains what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.refine import RoundNumbers
from rewardsmith.errors import ConfigError
from rewardsmith.refining.effects import DOUBTFUL, ways
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.recipe import Recipe, Refined, apply_recipe
from rewardsmith.refining.rules.rule import goes_by
from rewardsmith.refining.supervision import Mask, Supervision
from rewardsmith.strength.ensembles.judgements import Judgements, learnable

STABLE = (
    0.9  # pairs near the line go on crossing it, and later rounds find no more (docs/methods/learned_corrections.md)
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


def require_judges_that_learn(recipe: Recipe, max_rounds: int) -> None:
    """``ConfigError`` for a recipe of which further rounds would make nothing, or only what the first one did.

    Members that trained on the pairs say of a repaired label what the repair says.
    """
    if Reads.JUDGES not in recipe.reads:
        raise ConfigError(
            f"`rounds` {max_rounds}: no rule of the recipe {recipe.name} goes by judges that learn anew (what the "
            "structured audit found stays: it has rounds of its own), so one round is all. Take one, or a `recipe` "
            "that goes by p_wrong or strength, such as drop."
        )
    for number, rule in enumerate(recipe.rules, 1):
        if Reads.IN_SAMPLE in goes_by(rule):
            raise ConfigError(
                f"`rounds` {max_rounds}: rule {number} ({rule.name}) of the recipe {recipe.name} goes by members that "
                "trained on the pairs, and they would confirm what the round before did. Take held-out strengths, or "
                "one round."
            )


def round_metrics(given: Supervision, rounds: list[Round]) -> list[RoundNumbers]:
    """One entry a round, JSON-ready; flipped and dropped by the recipe, as in ``effects.ways``."""
    found: list[RoundNumbers] = []
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
