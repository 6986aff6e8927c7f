"""Why a label is doubted, or not, in short phrases made from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.metrics.audit import AuditFindings
from rewardsmith.report.binning import Floats, numbers_of, strength_columns
from rewardsmith.report.numbers import decimal, percent, probability

WORTH_SAYING = 0.1
"""By so much the structured audit has to doubt a label more than p_wrong does."""


@dataclass(frozen=True)
class Grounds:
    """The numbers that bear on one label; NaN or None where there are none."""

    target: float
    weight: float
    num_for_chosen: int
    """Judges with a gap above 0."""
    num_for_rejected: int
    num_judges: int
    held_out: bool
    """The judges never saw the label."""
    strength: float
    spread: float
    p_wrong: float
    p_wrong_structured: float
    votes: tuple[int, int, int] | None
    """For chosen, for rejected, for a tie."""
    second: float
    """P(chosen is the better one) by second labels."""
    annotator_error: float | None
    """Share of this annotator's labels that are wrong."""
    share_wrong: float | None
    """Of all labels."""


def reasons(grounds: Grounds) -> list[str]:
    """What speaks against the label, and what for it: judges, votes, second label, annotator, structured
    audit. Never empty."""
    found = (
        "the label calls a tie" if grounds.target == 0.5 else "",
        _judges(grounds),
        _closeness(grounds),
        _votes(grounds.votes),
        _second(grounds),
        _annotator(grounds),
        _structured(grounds),
        "weight 0: no judge learned from it" if grounds.weight == 0 else "",
    )
    return [reason for reason in found if reason]


def grounds_at(
    pairs: pa.Table, strengths: pa.Table, metrics: AuditFindings, positions: NDArray[np.int64]
) -> list[Grounds]:
    """Those of the pairs at these positions; both tables are in the same order."""
    index = pa.array(positions)
    mean, spread, held_out = strength_columns(strengths)
    judged, pairs = strengths.take(index), pairs.select(_FROM_PAIRS).take(index)
    chosen, rejected, number = _preferences(judged, held_out)
    p_wrong, structured, second = (
        numbers_of(judged, name) for name in ("p_wrong", "p_wrong_structured", "second_target")
    )
    rates = {annotator["name"]: annotator["error_rate"] for annotator in metrics["annotators"] or []}
    noise = metrics["label_noise"]
    return [
        Grounds(
            target=row["target"],
            weight=row["weight"],
            num_for_chosen=int(chosen[i]),
            num_for_rejected=int(rejected[i]),
            num_judges=int(number[i]),
            held_out=held_out,
            strength=float(mean[position]),
            spread=float(spread[position]),
            p_wrong=float(p_wrong[i]),
            p_wrong_structured=float(structured[i]),
            votes=votes_of(row["votes_chosen"], row["votes_rejected"], row["votes_tie"]),
            second=float(second[i]),
            annotator_error=rates.get(row["annotator_id"]),
            share_wrong=noise and noise["value"],
        )
        for i, (position, row) in enumerate(zip(positions, pairs.to_pylist(), strict=True))
    ]


_FROM_PAIRS = ["target", "weight", "annotator_id", "votes_chosen", "votes_rejected", "votes_tie"]


def votes_of(*counts: int | None) -> tuple[int, int, int] | None:
    """For chosen, for rejected, for a tie; None where the set has no votes."""
    chosen, rejected, tie = (count or 0 for count in counts)
    return None if all(count is None for count in counts) else (chosen, rejected, tie)


def _preferences(judged: pa.Table, held_out: bool) -> tuple[Floats, Floats, Floats]:
    """How many judges of each pair prefer chosen, how many rejected, and how many there are."""
    members = [name.removeprefix("gap_") for name in judged.column_names if name.startswith("gap_")]
    gaps = np.stack([numbers_of(judged, f"gap_{member}") for member in members] or [np.full(len(judged), np.nan)])
    asked = ~np.isnan(gaps)
    if members:
        trained = np.stack([judged[f"trained_{m}"].to_numpy(zero_copy_only=False) for m in members])
        asked &= ~trained if held_out else trained
    return ((gaps > 0) & asked).sum(axis=0), ((gaps < 0) & asked).sum(axis=0), asked.sum(axis=0)


def _judges(grounds: Grounds) -> str:
    number, both = grounds.num_judges, (grounds.num_for_chosen, grounds.num_for_rejected)
    if number < 2:
        return "fewer than two judges"
    who = "judges" if grounds.held_out else "judges, which trained on it,"
    if both[0] == both[1]:
        return f"{number} {who} are split {both[0]} : {both[1]}"
    more = max(both)
    side = "chosen" if both[0] > both[1] else "rejected"
    agree = grounds.target != 0.5 and (side == "chosen") == (grounds.target > 0.5)
    verb = "prefers" if more == 1 else "prefer"
    return f"{more} of {number} {who} {verb} the {side} response" + (", as the label does" if agree else "")


def _closeness(grounds: Grounds) -> str:
    if not abs(grounds.strength) < grounds.spread:  # NaN: nothing is known
        return ""
    return f"no clear preference ({decimal(grounds.strength)} ± {decimal(grounds.spread)})"


def _votes(votes: Sequence[int] | None) -> str:
    if votes is None:
        return ""
    chosen, rejected, tie = votes
    side = "" if chosen == rejected else f" for the {'chosen' if chosen > rejected else 'rejected'} response"
    ties = f", {tie} for a tie" if tie else ""
    return f"votes {max(chosen, rejected)} : {min(chosen, rejected)}{side}{ties}"


def _second(grounds: Grounds) -> str:
    if np.isnan(grounds.second) or grounds.target == 0.5:
        return ""
    if grounds.second == 0.5:
        return "the second label is a tie"
    return f"the second label {'agrees' if (grounds.second > 0.5) == (grounds.target > 0.5) else 'disagrees'}"


def _annotator(grounds: Grounds) -> str:
    own, usual = grounds.annotator_error, grounds.share_wrong
    if own is None or (usual is not None and own <= usual):
        return ""
    return f"annotator's own error rate {percent(own)}" + ("" if usual is None else f", of all {percent(usual)}")


def _structured(grounds: Grounds) -> str:
    found = grounds.p_wrong_structured
    if not (found > 0.5 or found - grounds.p_wrong >= WORTH_SAYING):
        return ""
    return f"structured audit {probability(found)}"
