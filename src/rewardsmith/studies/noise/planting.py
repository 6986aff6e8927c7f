"""Noise of known kinds in labels, and what is true of each pair that a kind needs to know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rewardsmith.errors import DataError
from rewardsmith.strength.planting import plant_flips

Kind = Literal["none", "uniform", "hard", "longer", "clustered", "votes"]
KINDS: tuple[Kind, ...] = ("uniform", "hard", "longer", "clustered", "votes")
NOISY_SHARE = 0.9
"""Of the turned labels of `clustered`, the share that falls on the noisy half of the clusters."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Facts:
    """What planting may know of N pairs; ``target`` is taken for the truth."""

    target: Floats
    belief: Floats
    """P(the label is right) in the eyes of judges of the clean set."""
    longer: Floats
    """1 where chosen is the longer response, -1 where rejected is, 0 where they are as long."""
    clusters: NDArray[np.int64]
    votes: Floats
    """[N, 3]: votes for chosen, for rejected, for a tie; NaN without."""

    def take(self, rows: NDArray[np.int64]) -> Facts:
        """Those of some pairs."""
        return Facts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def turned(self, which: Mask) -> Facts:
        """The same with the two responses of some pairs [N] in the other order."""
        return replace(
            self,
            target=np.where(which, 1 - self.target, self.target),
            longer=np.where(which, -self.longer, self.longer),
            votes=np.where(which[:, None], self.votes[:, [1, 0, 2]], self.votes),
        )


def plant(kind: Kind, facts: Facts, rate: float, rng: np.random.Generator) -> Floats:
    """Noisy targets [N]. A share ``rate`` of the decided labels is turned round, exactly; ties are left alone.

    `uniform`: all alike. `hard`: in proportion to 1 - max(belief, 1 - belief), as an annotator errs who sees what
    judges see (Thurstone). `longer`: only labels that prefer the shorter response, all alike. `clustered`: nine in ten
    fall on one half of the clusters, drawn at random, all alike within each half. `votes` has no rate: each label is
    one of the pair's votes. Raises DataError where there are too few labels of the kind.
    """
    decided = facts.target != 0.5
    if kind == "votes":
        return _drawn_votes(facts, rng)
    count = round(rate * int(decided.sum()))
    if kind == "longer":
        open_pairs = decided & (facts.longer * np.sign(facts.target - 0.5) < 0)
        turned = _draw(open_pairs, count, rng, 'prefer the shorter response (kind "longer")')
    elif kind == "clustered":
        turned = _in_clusters(facts.clusters, decided, count, rng)
    elif kind == "none":
        turned = np.zeros(len(decided), dtype=bool)
    else:
        turned = plant_flips(kind, decided, facts.belief, rate, rng)
    return np.where(turned, 1 - facts.target, facts.target)


def turned_round(noisy: Floats, truth: Floats) -> Mask:
    """Labels [N] that prefer the other response than the truth does; ties, drawn or true, prefer none."""
    return (noisy - 0.5) * (truth - 0.5) < 0


def highest_rate(kind: Kind, facts: Facts) -> float:
    """The greatest share of labels that can be turned round; for `longer` that is the labels for the shorter one."""
    decided = facts.target != 0.5
    if kind != "longer":
        return 0.5
    return float((facts.longer * np.sign(facts.target - 0.5) < 0)[decided].mean()) if decided.any() else 0.0


def _draw(open_pairs: Mask, count: int, rng: np.random.Generator, what: str) -> Mask:
    places = np.flatnonzero(open_pairs)
    if count > len(places):
        raise DataError(f"{count:,} labels cannot be turned round: only {len(places):,} {what}. Lower --rates.")
    drawn = np.zeros(len(open_pairs), dtype=bool)
    drawn[rng.choice(places, size=count, replace=False)] = True
    return drawn


def _in_clusters(clusters: NDArray[np.int64], decided: Mask, count: int, rng: np.random.Generator) -> Mask:
    """Nine in ten turned labels in the noisy half, fewer where that half is full."""
    names = rng.permutation(np.unique(clusters))
    noisy = np.isin(clusters, names[: max(1, len(names) // 2)])
    inside = min(round(NOISY_SHARE * count), int((decided & noisy).sum()))
    inside = max(inside, count - int((decided & ~noisy).sum()))
    what = "are decided"
    return _draw(decided & noisy, inside, rng, what) | _draw(decided & ~noisy, count - inside, rng, what)


def _drawn_votes(facts: Facts, rng: np.random.Generator) -> Floats:
    """One vote of each pair as its label: 1, 0, or 0.5 for a tie; pairs without votes keep theirs."""
    votes = np.nan_to_num(facts.votes)
    total = votes.sum(axis=1)
    if not total.any():
        raise DataError('kind "votes": no pair of this set carries votes.')
    drawn = rng.random(len(total)) * total
    side = np.where(drawn < votes[:, 0], 1.0, np.where(drawn < votes[:, :2].sum(axis=1), 0.0, 0.5))
    return np.where(total > 0, side, facts.target)
