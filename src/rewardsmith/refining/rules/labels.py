"""Rules that act on a label as it stands: drop it, flip it, soften it, call it a tie."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from rewardsmith.errors import ConfigError
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.rules.rule import Change, figures, require_conditions
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Supervision


@dataclass(frozen=True)
class Drop:
    """The pair is not trained on: weight 0."""

    name: ClassVar[str] = "drop"
    reads: ClassVar[frozenset[Reads]] = frozenset()
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        require_conditions(self.name, self.where)

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        selected = self.where.select(evidence)
        return Change(
            selected,
            now.changed(selected, weight=0.0),
            lambda i: f"dropped: {figures(evidence, i, self.where.in_sample)}",
        )


@dataclass(frozen=True)
class Flip:
    """The label is flipped (arXiv 2401.06080, section 2.3.1); a tie has nothing to flip."""

    name: ClassVar[str] = "flip"
    reads: ClassVar[frozenset[Reads]] = frozenset({Reads.TARGET})
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        require_conditions(self.name, self.where)

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """Target 1 - target, the opposite of ``swapped`` but for ties; the margin keeps the input's direction."""
        selected = self.where.select(evidence) & evidence.decided
        return Change(
            selected,
            now.changed(selected, target=1 - now.target, swapped=~now.swapped & (now.target != 0.5)),
            lambda i: f"flipped: {figures(evidence, i, self.where.in_sample)}",
        )


@dataclass(frozen=True)
class Smooth:
    """Label smoothing (arXiv 2401.06080, Eq. 5): target t becomes (1 - alpha) t + alpha (1 - t)."""

    name: ClassVar[str] = "smooth"
    reads: ClassVar[frozenset[Reads]] = frozenset({Reads.TARGET})
    alpha: float = 0.1
    """The paper never gives its value."""
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 0.5:
            raise ConfigError(f"alpha {self.alpha:g} must be above 0 and at most 0.5, where no label says anything.")

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        selected = self.where.select(evidence)
        target = (1 - self.alpha) * now.target + self.alpha * (1 - now.target)
        return Change(
            selected,
            now.changed(selected, target=target, swapped=now.swapped & (target != 0.5)),
            lambda i: f"smoothed by {self.alpha:g}: {figures(evidence, i, self.where.in_sample)}",
        )


@dataclass(frozen=True)
class Tie:
    """The responses are called equally good: target 0.5, margin 0."""

    name: ClassVar[str] = "tie"
    reads: ClassVar[frozenset[Reads]] = frozenset()
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        require_conditions(self.name, self.where)

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        selected = self.where.select(evidence)
        return Change(
            selected,
            now.changed(selected, target=0.5, margin=0.0, swapped=False),
            lambda i: f"called a tie: {figures(evidence, i, self.where.in_sample)}",
        )
