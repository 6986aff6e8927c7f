"""Targets that say how likely the label is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.rules.rule import Change, figures
from rewardsmith.refining.selection import Where, require_measured, require_p_wrong, require_structured
from rewardsmith.refining.supervision import Floats, Supervision

READ = {
    "posterior": Reads.JUDGES,
    "structured": Reads.STRUCTURED,
    "vote_share": Reads.JUDGES,
    "votes": Reads.VOTES,
}
SOURCES = {"posterior": "posterior", "structured": "structured posterior", "vote_share": "the judges' votes"}


@dataclass(frozen=True)
class SoftLabel:
    """The target becomes P(chosen is better) by what is known; pairs of which nothing is known stay as they are.

    ``posterior``: 1 - p_wrong in the direction of the given label; ``structured``: the same by the structured audit;
    ``vote_share``: of the judges; ``votes``: of people, (n_chosen + c) / (n_chosen + n_rejected + 2 c). Ties keep their
    target, except by votes.
    """

    name: ClassVar[str] = "soft_label"
    from_: Literal["posterior", "structured", "votes", "vote_share"] = "posterior"
    prior_votes: float = 1.0
    """c: votes for each side that are added to those counted."""
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        if not self.prior_votes >= 0:
            raise ConfigError(f"prior_votes {self.prior_votes:g} must be 0 or more.")
        if self.from_ == "vote_share" and self.where.in_sample:
            raise ConfigError("vote_share is of the judges that did not train on a pair: leave in_sample out.")

    @property
    def reads(self) -> frozenset[Reads]:
        return frozenset({READ[self.from_]})

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """New targets where selected and known. ``DataError`` where nothing of the kind was measured."""
        target = self._targets(evidence)
        if np.isnan(target).all():
            raise DataError(f"soft_label from {self.from_}: it is known of no pair.")
        selected = self.where.select(evidence) & ~np.isnan(target)
        return Change(
            selected,
            now.changed(selected, target=target, swapped=False),
            lambda i: f"P(chosen is better) = {target[i]:.3f} by {self._source(evidence, i)}",
        )

    def _targets(self, evidence: Evidence) -> Floats:
        if self.from_ == "votes":
            return vote_targets(evidence.votes, self.prior_votes)
        if self.from_ == "structured":
            require_structured(evidence)
            return _by_posterior(evidence, evidence.p_wrong_structured)
        if self.from_ == "vote_share":
            require_measured(evidence, in_sample=False)
            return np.where(evidence.decided, evidence.vote_share, np.nan)
        require_p_wrong(evidence, self.where.in_sample)
        return _by_posterior(evidence, evidence.p_wrong)

    def _source(self, evidence: Evidence, index: int) -> str:
        if self.from_ == "votes":
            return f"votes {evidence.votes[index, 0]:.0f} : {evidence.votes[index, 1]:.0f}"
        name = SOURCES[self.from_]
        return f"{name}: {figures(evidence, index, self.where.in_sample)}"


def _by_posterior(evidence: Evidence, p_wrong: Floats) -> Floats:
    """P(chosen is better) [N], by the direction of the given label."""
    right = 1 - p_wrong
    return np.where(evidence.target < 0.5, 1 - right, right)


def vote_targets(votes: Floats, prior_votes: float) -> Floats:
    """Targets [N] from votes [N, 3]; NaN where nobody voted for either. ``DataError`` where nobody did at all."""
    chosen, rejected = votes[:, 0], votes[:, 1]
    total = np.nan_to_num(chosen) + np.nan_to_num(rejected)
    if not total.any():
        raise DataError("soft_label from votes: the set has no votes. Take `from: posterior`, or another recipe.")
    counted = np.where(total > 0, total + 2 * prior_votes, 1.0)
    return np.where(total > 0, (np.nan_to_num(chosen) + prior_votes) / counted, np.nan)
