"""From judgements to what is believed of every label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit, logit

from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.strength.ensembles.judgements import Judgements, Strength, as_labelled, learnable
from rewardsmith.strength.evidence_gap import evidence_gap
from rewardsmith.strength.label_noise.annotators import (
    Annotator,
    annotator_error_rates,
    p_wrong_by_votes,
    vote_error_rate,
)
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.label_noise.posterior import LabelNoise, estimate_label_noise
from rewardsmith.strength.label_noise.second_view import SecondView, second_view
from rewardsmith.strength.pair_structure import response_codes
from rewardsmith.strength.planted.planted_copy import PlantedCopy
from rewardsmith.strength.planted.refutation import LEAST, shrunk, unrefuted
from rewardsmith.strength.table import WRONG, strength_classes, strengths_table


@dataclass(frozen=True)
class Audited:
    """All that was measured of a set; arrays [N] in the order of its pairs."""

    judged: Judgements
    strength: Strength
    """Held out where there are judges, else in sample."""
    gap: NDArray[np.float64]
    """``strength.mean`` in the direction of the label: it differs where the target is under 0.5."""
    evidence: NDArray[np.float64]
    """What ``p_wrong`` rests on (``evidence_gap``)."""
    responses: NDArray[np.int64]
    """[N, 2]: ``response_codes`` of the pairs."""
    in_sample: bool
    """No pair has judges: everything below rests on members that trained on the labels, and flatters them."""
    noise: LabelNoise | None
    """None where no pair could be judged."""
    belief: NDArray[np.float64]
    """P(the labelled side is better) before the label is read; NaN where nothing is known."""
    p_wrong: NDArray[np.float64]
    annotators: list[Annotator]
    vote_error: float | None
    """How often a single vote is wrong, where the set has votes."""
    structured: CellNoise | None
    """What the structured audit found, where it was asked."""
    pairs: pa.Table
    kept: float = 1.0
    """Of the evidence in ``p_wrong``, what planted flips did not refute (``refutation``)."""
    level: ClaimLevel = "labels_judged"
    """What may be said of the labels (``claims``)."""
    second_target: NDArray[np.float64] | None = None
    """[N] P(chosen is the better one) by second labels, where there are any; NaN: they say nothing."""
    second: SecondView | None = None
    """What was found of them."""
    odds_by_second: NDArray[np.float64] | float = 0.0
    """[N] What they added to the log odds of ``p_wrong``."""

    def at(self, level: ClaimLevel) -> Audited:
        """The same, at what the self-audit allows to be said."""
        return replace(self, level=level)

    def checked(self, copy: PlantedCopy, groups: NDArray[np.int64]) -> Audited:
        """The same, without what a planted copy refutes; ``groups`` [N] are those of the copy.

        What the structured audit found stays: flips on all pairs alike cannot tell a bias from a preference.
        """
        assert self.noise is not None  # or nothing would have been planted
        p_wrong, kept = unrefuted(self.p_wrong, groups, copy, self.noise.value)
        return replace(self, p_wrong=p_wrong, kept=kept)

    def keeping(self, kept: float) -> Audited:
        """The same, where another check of these judges left so much of their evidence (``checked``)."""
        return replace(self, p_wrong=shrunk(self.p_wrong, kept), kept=kept)

    def beside(self, second: NDArray[np.float64] | None, groups: NDArray[np.int64]) -> Audited:
        """The same, with second labels [N] (``second_target``), and what they say of the labels.

        They come last, after ``checked``: no planted flip could refute them, for they know the labels as they came.
        Judges that trained on the labels cannot tell how good a second view is, so there it has no say.
        """
        if second is None:
            return self
        read = replace(self, second_target=second)
        if self.noise is None or self.in_sample:
            return read
        target = self.pairs["target"].to_numpy()
        agrees = 0.5 + 0.5 * np.sign(second - 0.5) * np.sign(target - 0.5)
        view = second_view(self.p_wrong, self.evidence, agrees, groups)
        if view is None:
            return read
        added = _log_odds(view.p_wrong) - _log_odds(self.p_wrong)
        structured = self.structured
        if structured is not None:
            own = second_view(structured.p_wrong, self.evidence, agrees, groups)
            structured = replace(structured, p_wrong=own.p_wrong if own else structured.p_wrong)
        return replace(read, p_wrong=view.p_wrong, structured=structured, second=view, odds_by_second=added)

    @property
    def flagged_at_least(self) -> float | None:
        """Share of the pairs with p_wrong over 0.5 that are wrong if as few labels are as may be; None without any."""
        flagged = self.p_wrong > WRONG
        if self.noise is None or not flagged.any():
            return None
        if self.vote_error is not None:
            return float(self.p_wrong[flagged].mean())  # by votes, whatever the share
        least = shrunk(self.noise.p_wrong_at_least(self.evidence), self.kept)
        return float(expit(_log_odds(least) + self.odds_by_second)[flagged].mean())

    @cached_property
    def classes(self) -> NDArray[np.int8]:
        """``strength_classes`` [N]."""
        decided = self.pairs["target"].to_numpy() != 0.5
        return strength_classes(self.belief, self.p_wrong, decided, self.level)

    @cached_property
    def table(self) -> pa.Table:
        """``strengths_table`` of all this."""
        return strengths_table(self.pairs, self.judged, self.p_wrong, self.classes, self.structured, self.second_target)


def audit_pairs(
    pairs: pa.Table,
    judged: Judgements,
    groups: NDArray[np.int64],
    seed: int = 0,
    structured: CellNoise | None = None,
) -> Audited:
    """Strength, label noise, posterior and class of every pair. ``groups`` [N] are what may err together.

    The share of wrong labels is that of pairs with weight; one of weight 0 is judged, and counts nowhere.
    ``structured`` is handed on as it is: the classes do not depend on it.
    """
    held_out = judged.held_out()
    in_sample = bool(np.isnan(held_out.mean).all())
    strength = judged.in_sample() if in_sample else held_out
    target = pairs["target"].to_numpy()
    decided, gap = target != 0.5, as_labelled(strength.mean, target)
    weight = pairs["weight"].to_numpy()
    counted = decided & (weight > 0)
    responses, learned = response_codes(pairs), learnable(target, weight)
    evidence = gap if in_sample else evidence_gap(strength.mean, target, responses, seed, learned)
    noise = estimate_label_noise(evidence[counted], groups[counted])
    belief = noise.belief(evidence) if noise else np.full(len(pairs), np.nan)
    p_wrong = np.full(len(pairs), np.nan)
    annotators: list[Annotator] = []
    vote_error = None
    if noise:
        rate = None
        if pairs["annotator_id"].null_count < len(pairs):
            names = pairs["annotator_id"].to_pylist()
            annotators, rate = annotator_error_rates(names, np.where(counted, belief, np.nan), noise.value)
        p_wrong = noise.p_wrong(evidence, rate)
        p_wrong, vote_error = _with_votes(pairs, belief, target, p_wrong)
        p_wrong[~decided] = np.nan
    return Audited(
        judged=judged,
        strength=strength,
        gap=gap,
        evidence=evidence,
        responses=responses,
        in_sample=in_sample,
        noise=noise,
        belief=belief,
        p_wrong=p_wrong,
        annotators=annotators,
        vote_error=vote_error,
        structured=structured,
        pairs=pairs,
    )


def _log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(p.clip(LEAST, 1 - LEAST)))


def _with_votes(
    pairs: pa.Table, belief: NDArray[np.float64], target: NDArray[np.float32], p_wrong: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float | None]:
    """Posteriors by votes where a pair has any; a vote for a tie says nothing of which one is better."""
    counts = [pairs[name].fill_null(0).to_numpy().astype(np.int64) for name in ("votes_chosen", "votes_rejected")]
    voted = (counts[0] + counts[1] > 0) & (target != 0.5) & ~np.isnan(belief)
    if not voted.any():
        return p_wrong, None
    lead = as_labelled(counts[0] - counts[1], target)[voted]
    error = vote_error_rate(belief[voted], lead, (counts[0] + counts[1])[voted])
    combined = p_wrong.copy()
    combined[voted] = p_wrong_by_votes(belief[voted], lead, error)
    return combined, error
