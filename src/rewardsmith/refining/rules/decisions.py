"""What a person decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from rewardsmith.errors import DataError
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.rules.rule import Change
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Supervision

WORDS = {"keep": "kept", "flip": "flipped", "tie": "called a tie", "drop": "dropped"}


@dataclass(frozen=True)
class Decisions:
    """Follows a person over everything that rules before it did to a pair.

    keep: target, margin and weight as given; flip: the given label flipped, with margin and weight as given, in the
    input's direction; tie: target 0.5 and margin 0; drop: weight 0.
    """

    name: ClassVar[str] = "decisions"
    reads: ClassVar[frozenset[Reads]] = frozenset({Reads.PERSON})
    where: Where = field(default_factory=Where)

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """What was decided, where something was. ``DataError`` where nothing was decided at all."""
        decision = np.array([word or "" for word in evidence.decision])
        if not np.any(decision != ""):
            raise DataError(
                "the recipe follows a person's decisions, and there are none: name their file, `decisions`."
            )
        selected = self.where.select(evidence) & (decision != "")
        flipped, tied = decision == "flip", decision == "tie"
        target = np.where(flipped, 1 - evidence.target, np.where(tied, 0.5, evidence.target))
        supervision = now.changed(
            selected,
            target=target,
            margin=np.where(tied, 0.0, evidence.margin),
            weight=np.where(decision == "drop", 0.0, evidence.weight),
            swapped=flipped & evidence.decided,
        )
        return Change(selected, supervision, lambda i: f"{WORDS[decision[i]]} by a person")
