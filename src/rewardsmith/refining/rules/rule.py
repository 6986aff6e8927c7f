"""What a rule is, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from rewardsmith.errors import ConfigError
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Floats, Mask, Supervision


@dataclass(frozen=True)
class Change:
    selected: Mask
    """The pairs that it was for; a value that it wrote may be the one that stood there."""
    supervision: Supervision
    """Of all pairs; as before where not selected."""
    reason: Callable[[int], str]
    """Why, with the figures, for the position of a selected pair."""


class Rule(Protocol):
    """A frozen dataclass whose fields are the rule's keys in a recipe."""

    name: ClassVar[str]

    @property
    def reads(self) -> frozenset[Reads]:
        """What the numbers that it writes are made of."""
        ...

    @property
    def where(self) -> Where:
        """Which pairs it is for."""
        ...

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """The supervision after this rule, from that after the rules before it."""
        ...


def goes_by(rule: Rule) -> frozenset[Reads]:
    """All that its work depends on: what its numbers are made of, and the conditions on its pairs."""
    return rule.reads | rule.where.reads


def require_conditions(name: str, where: Where) -> None:
    """``ConfigError`` for a rule that would be senseless on every pair of a set."""
    if where.is_everything:
        raise ConfigError(f"{name} needs a condition under `where`, or it would {name} every pair.")


def figures(evidence: Evidence, index: int, in_sample: bool = False) -> str:
    """``strength -1.23 +- 0.40, p_wrong 0.87``: what is known of a pair."""
    words = []
    mean, std = evidence.mean(in_sample)[index], evidence.std(in_sample)[index]
    if not np.isnan(mean):
        kind = "in-sample strength" if in_sample else "strength"
        words.append(f"{kind} {mean:.2f} \N{PLUS-MINUS SIGN} {std:.2f}")
    if not np.isnan(evidence.p_wrong[index]):
        words.append(f"p_wrong {evidence.p_wrong[index]:.2f}")
    if not np.isnan(evidence.p_wrong_structured[index]):
        words.append(f"p_wrong_structured {evidence.p_wrong_structured[index]:.2f}")
    return ", ".join(words) or "not judged"


def known_where(selected: Mask, values: Floats) -> Mask:
    """The selected pairs of which a value is known."""
    return np.asarray(selected & ~np.isnan(values))
