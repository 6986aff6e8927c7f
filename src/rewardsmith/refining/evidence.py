"""What rules may look at: everything that is known of each pair besides its texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.preferences.pairs.pair_table import response_lengths
from rewardsmith.refining.supervision import Floats, Mask
from rewardsmith.strength.ensembles.judgements import Judgements, as_labelled

VOTES = ("votes_chosen", "votes_rejected", "votes_tie")
Names = list[str | None]


class Reads(Enum):
    """What a rule may go by."""

    JUDGES = auto()
    """What the ensemble says of a pair."""
    IN_SAMPLE = auto()
    """Beside ``JUDGES``: of members that trained on the pair."""
    STRUCTURED = auto()
    """What the structured audit found."""
    VOTES = auto()
    """People's votes."""
    PERSON = auto()
    """A person's decisions."""
    FEATURES = auto()
    """``Evidence.rows``."""
    CATEGORY = auto()
    ORIGIN = auto()
    """Who labelled a pair, and where it comes from."""
    TARGET = auto()
    """The target as the rules before left it."""


@dataclass(frozen=True)
class Evidence:
    """Arrays and lists [N] in the order of the input; NaN and None where nothing is known.

    Strengths are gaps chosen minus rejected as in the input, held out unless the name says otherwise.
    """

    target: Floats
    """As given."""
    weight: Floats
    """As given."""
    margin: Floats
    """As given, in the direction of the input."""
    strength_mean: Floats
    strength_std: Floats
    strength_mean_in_sample: Floats
    strength_std_in_sample: Floats
    p_wrong: Floats
    """NaN for ties."""
    p_wrong_structured: Floats
    """By the structured audit; NaN for ties, and everywhere where it was not asked."""
    vote_share: Floats
    """Share of the judges whose gap favours ``chosen``; a gap of 0 counts half."""
    groups: NDArray[np.int64]
    strength_class: Names
    category: Names
    source: Names
    annotator_id: Names
    votes: Floats
    """[N, 3]: people's votes for chosen, for rejected, for a tie."""
    decision: Names
    """A person's: keep, flip, tie or drop."""
    longer: Floats
    """1 where chosen is the longer response, -1 where rejected is, 0 where they are as long."""
    rows: NDArray[np.floating] | None = None
    """[N, E]: differences of features, chosen minus rejected; only where a rule asks for them."""

    @classmethod
    def from_tables(
        cls,
        pairs: pa.Table,
        strengths: pa.Table,
        decisions: Names | None = None,
        rows: NDArray[np.floating] | None = None,
    ) -> Evidence:
        """From the two tables of an audit, which are in the same order."""
        members = sorted(int(n.removeprefix("gap_")) for n in strengths.column_names if n.startswith("gap_"))
        gaps = [_floats(strengths[f"gap_{m}"]) for m in members]
        trained = [strengths[f"trained_{m}"].to_numpy().astype(bool) for m in members]
        chosen_length, rejected_length = response_lengths(pairs)
        return cls(
            target=_floats(pairs["target"]),
            weight=_floats(pairs["weight"]),
            margin=_floats(pairs["margin"]),
            strength_mean=_floats(strengths["strength_mean"]),
            strength_std=_floats(strengths["strength_std"]),
            strength_mean_in_sample=_floats(strengths["strength_mean_in_sample"]),
            strength_std_in_sample=_floats(strengths["strength_std_in_sample"]),
            p_wrong=_floats(strengths["p_wrong"]),
            p_wrong_structured=_structured(strengths),
            vote_share=_vote_share(np.stack(gaps, axis=1), np.stack(trained, axis=1)),
            groups=_codes(strengths["split_group"].to_pylist()),
            strength_class=strengths["strength_class"].cast(pa.string()).to_pylist(),
            category=pairs["category"].to_pylist(),
            source=pairs["source"].to_pylist(),
            annotator_id=pairs["annotator_id"].to_pylist(),
            votes=np.stack([_floats(pairs[name]) for name in VOTES], axis=1),
            decision=decisions if decisions is not None else [None] * len(pairs),
            longer=np.sign(chosen_length - rejected_length).astype(np.float64),
            rows=rows,
        )

    @classmethod
    def from_judgements(cls, target: NDArray[Any], judged: Judgements, **known: Any) -> Evidence:
        """From an ensemble's judgements, without files. ``known``: other fields of which something is known."""
        number = len(judged.gaps)
        held_out, in_sample = judged.held_out(), judged.in_sample()
        unknown = np.full(number, np.nan)
        nobody: Names = [None] * number
        plain = cls(
            target=np.asarray(target, dtype=np.float64),
            weight=np.ones(number),
            margin=np.zeros(number),
            strength_mean=held_out.mean,
            strength_std=held_out.std,
            strength_mean_in_sample=in_sample.mean,
            strength_std_in_sample=in_sample.std,
            p_wrong=unknown,
            p_wrong_structured=unknown,
            vote_share=_vote_share(judged.gaps, judged.trained),
            groups=np.arange(number),
            strength_class=nobody,
            category=nobody,
            source=nobody,
            annotator_id=nobody,
            votes=np.full((number, 3), np.nan),
            decision=nobody,
            longer=unknown,
        )
        return replace(plain, **known)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def decided(self) -> Mask:
        """Pairs whose given label prefers one of the responses."""
        return np.asarray(self.target != 0.5)

    @cached_property
    def in_sample_only(self) -> bool:
        """Nobody judged a pair without having trained on it, and somebody did who had: ``p_wrong`` rests on them."""
        return bool(np.isnan(self.strength_mean).all() and not np.isnan(self.strength_mean_in_sample).all())

    @cached_property
    def influence(self) -> Floats:
        """Of each given label on the loss of pairs of other prompts, from the features."""
        from rewardsmith.refining.folded_rows import label_influence  # torch: only who asks needs it

        return label_influence(self)

    def mean(self, in_sample: bool) -> Floats:
        """Mean strength, of the kind asked for."""
        return self.strength_mean_in_sample if in_sample else self.strength_mean

    def std(self, in_sample: bool) -> Floats:
        """Spread of the strength, of the kind asked for."""
        return self.strength_std_in_sample if in_sample else self.strength_std

    def strength(self, in_sample: bool) -> Floats:
        """Mean strength in the direction of the given label; NaN for ties, whose label has no direction."""
        return np.where(self.decided, as_labelled(self.mean(in_sample), self.target), np.nan)


def _vote_share(gaps: NDArray[np.floating], trained: NDArray[np.bool_]) -> Floats:
    """Share of judges [N] for ``chosen``; NaN without judges. Shapes [N, M]."""
    judges = ~trained & ~np.isnan(gaps)
    favour = np.where(judges, 0.5 * (1 + np.sign(np.where(judges, gaps, 0.0))), 0.0).sum(axis=1)
    number = judges.sum(axis=1)
    return np.where(number > 0, favour / np.maximum(number, 1), np.nan)


def _structured(strengths: pa.Table) -> Floats:
    """``p_wrong_structured``, which audits of older versions do not have."""
    name = "p_wrong_structured"
    return _floats(strengths[name]) if name in strengths.column_names else np.full(len(strengths), np.nan)


def _floats(column: pa.ChunkedArray) -> Floats:
    """float64 with NaN for null."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _codes(names: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.array(names), return_inverse=True)[1].reshape(-1).astype(np.int64)
