"""The pairs a reader should see: the first to read, the closest, the strongest, named by what the audit may claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import as_text
from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.report.binning import Floats, numbers_of, strength_columns
from rewardsmith.report.differences import Run, compare_words, fold

FOLD_AT = 700
"""Characters of a text that are shown before it is folded."""
MAX_CHARACTERS = 12_000
"""Characters of a text that the report keeps at all; the rest is counted and said."""


HEADINGS: dict[ClaimLevel, dict[str, tuple[str, str]]] = {
    "labels_judged": {
        "doubtful": ("Most doubtful", "Labels most likely to be wrong: the judges prefer the rejected response."),
        "ambiguous": ("Most ambiguous", "Strength nearest to zero: the judges see no difference."),
        "strongest": ("Strongest", "The judges agree with the label by the widest gap."),
    },
    "reading_order": {
        "doubtful": (
            "First to read",
            "The top of the list: the judges prefer the rejected response. Wrong labels are more frequent here than "
            "elsewhere, and many of these are right.",
        ),
        "ambiguous": ("Closest", "Strength nearest to zero: the judges see no difference."),
        "strongest": ("Strongest", "The judges agree with the label by the widest gap."),
    },
    "cannot_tell": {
        "doubtful": (
            "Furthest against the judges",
            "What the judges like, in the open: they prefer the rejected response, and may well be wrong to.",
        ),
        "ambiguous": ("Closest", "Strength nearest to zero: the judges see no difference."),
        "strongest": ("Furthest with the judges", "The judges agree with the label by the widest gap."),
    },
}
"""Heading and explanation of each gallery."""


@dataclass(frozen=True)
class Text:
    """A text ready to show: its beginning, what is folded away, and how much was left out."""

    head: list[Run]
    rest: list[Run]
    num_omitted: int


@dataclass(frozen=True)
class Turn:
    role: str
    text: Text


@dataclass(frozen=True)
class PairView:
    """One pair of a gallery. Texts are None where the report shows none."""

    row: int
    pair_id: str
    strength: float
    spread: float
    p_wrong: float
    category: str | None
    annotator: str | None
    votes: tuple[int, int, int] | None
    earlier: list[Turn]
    last: list[Turn]
    chosen: Text | None
    rejected: Text | None


@dataclass(frozen=True)
class Gallery:
    """A group of pairs under one heading."""

    name: str
    heading: str
    explanation: str
    pairs: list[PairView]


def galleries(
    pairs: pa.Table,
    strengths: pa.Table,
    num_examples: int,
    with_text: bool,
    level: ClaimLevel = "labels_judged",
) -> list[Gallery]:
    """The three galleries; those without a pair are left out. ``pairs`` and ``strengths`` are in the same order.

    Where nothing can be told, no pair has a probability, and the order is that of the strength.
    """
    if num_examples <= 0 or strengths.num_rows == 0:
        return []
    mean, spread, _ = strength_columns(strengths)
    p_wrong = numbers_of(strengths, "p_wrong")
    if level == "cannot_tell":
        p_wrong = np.full(len(mean), np.nan)
    doubt = np.where(np.isfinite(p_wrong), p_wrong, np.nan)
    if not np.isfinite(doubt).any():
        doubt = -mean
    built = []
    for name, order in (("doubtful", doubt), ("ambiguous", -np.abs(mean)), ("strongest", mean)):
        heading, explanation = HEADINGS[level][name]
        rows = top_rows(order, strengths, num_examples)
        views = pair_views(pairs, rows, mean, spread, p_wrong, with_text)
        built.append(Gallery(name, heading, explanation, views))
    return [gallery for gallery in built if gallery.pairs]


def top_rows(order: Floats, strengths: pa.Table, num_examples: int) -> NDArray[np.int64]:
    """Positions of the largest known values, one a split group first, so that one prompt does not fill a gallery."""
    known = np.flatnonzero(np.isfinite(order))
    pool = min(known.size, 40 * num_examples)
    if pool == 0:
        return np.empty(0, dtype=np.int64)
    best = known[np.argpartition(-order[known], pool - 1)[:pool]]
    best = best[np.lexsort((best, -order[best]))]
    groups = (
        strengths.column("split_group").take(pa.array(best)).to_pylist()
        if "split_group" in strengths.column_names
        else list(range(best.size))
    )
    seen: set[Any] = set()
    first: list[int] = []
    later: list[int] = []
    for position, group in zip(best.tolist(), groups, strict=True):
        (later if group in seen and group is not None else first).append(position)
        seen.add(group)
    return np.array([*first, *later][:num_examples], dtype=np.int64)


def pair_views(
    pairs: pa.Table,
    positions: NDArray[np.int64],
    mean: Floats,
    spread: Floats,
    p_wrong: Floats,
    with_text: bool,
) -> list[PairView]:
    """The pairs at these positions, ready to show."""
    index = pa.array(positions)
    names = ["pair_id", "row"]
    if with_text:
        names += ["prompt", "chosen", "rejected", "category", "annotator_id"]
        names += ["votes_chosen", "votes_rejected", "votes_tie"]
    rows = pairs.select([n for n in names if n in pairs.column_names]).take(index).to_pylist()
    return [
        pair_view(row, float(mean[i]), float(spread[i]), float(p_wrong[i]))
        for row, i in zip(rows, positions, strict=True)
    ]


def pair_view(row: Mapping[str, Any], mean: float, spread: float, p_wrong: float) -> PairView:
    """One pair, its differences marked."""
    chosen = rejected = None
    if row.get("chosen") is not None and row.get("rejected") is not None:
        left, right = compare_words(*(joined(row[side]) for side in ("chosen", "rejected")))
        chosen, rejected = shown(left), shown(right)
    turns = [Turn(m["role"] or "", shown([Run(as_text(m), False)])) for m in row.get("prompt") or []]
    votes = tuple(row.get(f"votes_{side}") for side in ("chosen", "rejected", "tie"))
    return PairView(
        row=row["row"],
        pair_id=row["pair_id"],
        strength=mean,
        spread=spread,
        p_wrong=p_wrong,
        category=row.get("category"),
        annotator=row.get("annotator_id"),
        votes=tuple(v or 0 for v in votes) if any(v is not None for v in votes) else None,  # type: ignore[arg-type]
        earlier=turns[:-1],
        last=turns[-1:],
        chosen=chosen,
        rejected=rejected,
    )


def joined(messages: Sequence[Mapping[str, Any]]) -> str:
    """A response as one text; where it has several turns, each is named."""
    if len(messages) == 1:
        return as_text(messages[0])
    return "\n\n".join(f"{m['role']}: {as_text(m)}" for m in messages)


def shown(runs: Sequence[Run]) -> Text:
    """Folded and cut to what a report can carry."""
    kept, omitted = fold(runs, MAX_CHARACTERS)
    total = sum(len(run.text) for run in kept)
    # A tail of a line or two is not worth a click.
    head, rest = (list(kept), []) if total < 1.25 * FOLD_AT else fold(kept, FOLD_AT)
    return Text(head, rest, sum(len(run.text) for run in omitted))
