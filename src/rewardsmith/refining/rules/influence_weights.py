"""Weights that serve groups of pairs equally well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.evidence import Evidence, Names, Reads
from rewardsmith.refining.group_weights import held_out_group_weights
from rewardsmith.refining.rules.rule import Change
from rewardsmith.refining.selection import Where
from rewardsmith.refining.supervision import Mask, Supervision

MIN_GROUP_PAIRS = 40
BY = {"category": Reads.CATEGORY, "annotator": Reads.ORIGIN, "longer": Reads.TARGET}
LENGTHS = {1.0: "the longer response is better", -1.0: "the shorter response is better"}


@dataclass(frozen=True)
class InfluenceWeights:
    """The weight is multiplied by 1 + eps, so that a head on the features fails no group more than the others.

    FairIF (arXiv 2201.05759) on the last layer (``refining/group_weights.py``). ``group``: the pairs' ``category``,
    their ``annotator``, or ``longer``: whether the label goes to the longer response. Groups of fewer than 40 pairs
    are nobody's to balance, but their pairs teach and are weighed too. Labels as the rules before left them.
    """

    name: ClassVar[str] = "influence_weights"
    group: Literal["category", "annotator", "longer"] = "longer"
    share: float = 1.0
    """How much of the differences between the groups' losses is to go."""
    limit: float = 0.5
    """Largest |eps|."""
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"share {self.share:g} must be above 0 and at most 1.")
        if not 0 < self.limit < 1:
            raise ConfigError(f"limit {self.limit:g} must be above 0 and below 1.")

    @property
    def reads(self) -> frozenset[Reads]:
        return frozenset({Reads.FEATURES, Reads.TARGET, BY[self.group]})

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """New weights where selected, unless the weight is 0. ``DataError`` with fewer than two groups, or folds."""
        from rewardsmith.refining.folded_rows import folded_rows  # torch: only who asks needs it

        selected = self.where.select(evidence) & (now.weight > 0)
        groups = self._groups(evidence, now)
        names, codes = _codes(groups, selected)
        if len(names) < 2:
            raise DataError(
                f"{self.name} balances two groups or more of {MIN_GROUP_PAIRS} pairs, and by {self.group} "
                f"{f'there is only one: {names[0]}' if names else 'there is none'}."
            )
        rows, fold_of, penalties = folded_rows(evidence, now, selected, self.name)
        found = held_out_group_weights(rows, codes, fold_of, penalties, self.share, self.limit)
        factor = np.ones(len(now))
        factor[selected] += found.change
        losses = ", ".join(f"{name} {loss:.3f}" for name, loss in zip(names, found.losses_before, strict=True))
        return Change(
            selected,
            now.changed(selected, weight=now.weight * factor),
            lambda i: f"weight times {factor[i]:.3f}; group {groups[i] or 'none'}; held-out losses: {losses}",
        )

    def _groups(self, evidence: Evidence, now: Supervision) -> Names:
        if self.group == "longer":
            lean = np.sign(now.target - 0.5) * evidence.longer
            return [LENGTHS.get(value) for value in lean.tolist()]
        return evidence.category if self.group == "category" else evidence.annotator_id


def _codes(groups: Names, selected: Mask) -> tuple[list[str], NDArray[np.int64]]:
    """Names of the groups that are large enough, and the code of each selected pair: -1 for none of them."""
    own = [name for name, chosen in zip(groups, selected, strict=True) if chosen]
    known, counts = np.unique([name for name in own if name is not None], return_counts=True)
    names = [str(name) for name, count in zip(known, counts, strict=True) if count >= MIN_GROUP_PAIRS]
    code = {name: number for number, name in enumerate(names)}
    return names, np.array([-1 if name is None else code.get(name, -1) for name in own], dtype=np.int64)
