"""Pairs as a table that its reader sorts, filters and decides in: what ``templates/pair_table.*`` show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from rewardsmith.artifacts.terminal.plain_text import escaped, one_line
from rewardsmith.refining.effects import ways
from rewardsmith.refining.selection import DECISIONS
from rewardsmith.refining.supervision import Supervision

SHORT = 500
"""Characters up to which a response is quickly read."""
CHANGES = {
    "dropped": "drop",
    "tied": "tie",
    "turned": "flip",
    "softened": "soften",
    "reweighted": "reweight",
    "with_margin": "margin",
}
"""Words for the ways in which a recipe changes a pair (``refining.effects.ways``, and ties)."""


class Column(NamedTuple):
    """What stands under one heading."""

    key: str
    label: str
    kind: str = "number"
    """``number``, ``probability``, ``signed`` or ``text``."""
    title: str = ""
    """What the heading means."""


COLUMNS = (
    Column("row", "row", title="position in the input"),
    Column("p_wrong", "p_wrong", "probability", "probability that the label is wrong"),
    Column("structured", "structured", "probability", "the same by the structured audit"),
    Column("strength", "strength", "signed", "mean gap of the judges, in logits"),
    Column("class", "class", "text", "strength class"),
    Column("length", "length", "signed", "characters of the chosen response less those of the rejected one"),
    Column("category", "category", "text"),
)


class Filter(NamedTuple):
    """A choice among the pairs."""

    key: str
    label: str
    """What no choice is called."""
    options: Sequence[tuple[str, str]]
    """Value and words."""


@dataclass(frozen=True)
class PairTable:
    """A table, ready for its template."""

    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[Column]
    filters: Sequence[Filter]
    data: Markup
    """Its rows and whatever else its script reads, as JSON."""
    num_left_out: int
    """Pairs that would belong there, beyond ``report_pairs``."""

    @property
    def num_bytes(self) -> int:
        """Of the file that it stands in."""
        return len(self.data.encode())


def pair_table(
    rows: Sequence[dict[str, Any]],
    columns: Sequence[Column],
    num_left_out: int,
    key: str | None,
    num_printed: int,
    decided: Mapping[str, str] | None = None,
) -> PairTable:
    """Rows of ``pair_row`` as a table. Columns and filters without a value are left out.

    ``key``: under which a browser keeps decisions; ``num_printed``: pairs that stand open in print; ``decided``:
    decisions that were taken before, by ``pair_id``.
    """
    columns = [column for column in columns if any(row.get(column.key) not in (None, "") for row in rows)]
    document = {
        "key": key,
        "columns": [column._asdict() for column in columns],
        "decided": decided or {},
        "num_printed": num_printed,
        "short": SHORT,
        "rows": rows,
    }
    return PairTable(rows, columns, _filters(rows), inline_json(document), num_left_out)


def pair_row(
    row: int,
    pair_id: str,
    numbers: Mapping[str, float],
    texts: Mapping[str, Any],
    names: Mapping[str, str | None],
    change: str,
    why: str,
) -> dict[str, Any]:
    """One pair as plain values. ``texts`` are of ``pair_texts.py``, or empty where the report shows none."""
    known = {name: round(float(value), 4) if np.isfinite(value) else None for name, value in numbers.items()}
    shown = {name: one_line(value) for name, value in names.items() if value}
    return {"id": pair_id, "row": row, **known, **shown, "change": change, "why": escaped(why), **texts}


def changes(given: Supervision, now: Supervision) -> list[str]:
    """What a recipe does to each pair [N] in a word or two; empty where it does nothing."""
    masks = ways(given, now)
    masks["tied"] = (now.target == 0.5) & (given.target != 0.5)
    masks["softened"] &= ~masks["tied"]
    words = [""] * len(given)
    for way, word in CHANGES.items():
        for index in np.flatnonzero(masks[way]):
            if words[index] != CHANGES["dropped"]:
                words[index] = f"{words[index]}, {word}" if words[index] else word
    return words


def inline_json(document: object) -> Markup:
    """JSON for a script element that no text in it can close or comment out."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _filters(rows: Sequence[Mapping[str, Any]]) -> list[Filter]:
    def values(key: str) -> list[tuple[str, str]]:
        found = sorted({row[key] for row in rows if row.get(key)})
        return [(value, value) for value in found]

    lengths = [
        ("chosen", "chosen is longer"),
        ("rejected", "rejected is longer"),
        ("short", f"both up to {SHORT} characters"),
        ("long", f"one over {SHORT} characters"),
    ]
    decisions = [(word, word) for word in ("undecided", "decided", *DECISIONS)]
    changed = values("change")
    found = [
        Filter("category", "any category", values("category")),
        Filter("class", "any class", values("class")),
        Filter("length", "any length", lengths if any("length" in row for row in rows) else []),
        Filter("change", "any change", [*changed, ("none", "no change")] if changed else []),
        Filter("decision", "decided or not", decisions),
    ]
    return [choice for choice in found if choice.options]
