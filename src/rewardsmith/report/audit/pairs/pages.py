"""Pairs of an audit for a reader in a terminal: the numbers, why the label is doubted, the texts with what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rewardsmith.contracts.conversations import Message, as_text, with_fields
from rewardsmith.contracts.metrics.audit import AuditFindings
from rewardsmith.contracts.tables import STRENGTH_CLASSES, StrengthClass
from rewardsmith.report.audit.pairs.reasons import Grounds, grounds_at, reasons
from rewardsmith.report.binning import classes_of
from rewardsmith.report.differences import Run, compare_words, fold
from rewardsmith.report.galleries import joined
from rewardsmith.report.numbers import count, decimal, probability
from rewardsmith.report.terminal import CLASS_STYLES, plain, printable

RESPONSE_AT, PROMPT_AT, MAX_LINES = 900, 500, 24
"""Characters of a response, of a turn of the prompt, and line ends of either that are shown."""
SPARED = 1.25
"""A text longer than its limit by less than this factor is shown whole: a line or two is not worth a second look."""
LEAD = 120
"""Characters shown of a long beginning that both responses share, just before they part."""
SIDE_BY_SIDE = 110
"""Columns of a terminal from which the responses stand beside each other."""
WIDEST, WIDEST_PROSE = 170, 110
MARKS = (("{+", "+}"), ("[-", "-]"))
"""Around what only chosen has, and around what only rejected has, where there are no colours."""
MOST_MARKED = 0.5
"""Share of a text in marks above which marks made of letters would hide it; colours do not."""
_BLOCK = 100


@dataclass(frozen=True)
class PairPage:
    """All there is to see of one pair."""

    row: int
    pair_id: str
    strength_class: StrengthClass | None
    category: str | None
    annotator_id: str | None
    grounds: Grounds
    prompt: list[Message]
    chosen: str
    rejected: str

    def document(self) -> dict[str, Any]:
        """It as plain values, the texts whole."""
        grounds = self.grounds
        sides = ("chosen", "rejected", "tie")
        return {
            "row": self.row,
            "pair_id": self.pair_id,
            "p_wrong": _known(grounds.p_wrong),
            "p_wrong_structured": _known(grounds.p_wrong_structured),
            "strength_mean": _known(grounds.strength),
            "strength_std": _known(grounds.spread),
            "class": self.strength_class,
            "category": self.category,
            "annotator_id": self.annotator_id,
            "votes": grounds.votes and dict(zip(sides, grounds.votes, strict=True)),
            "target": grounds.target,
            "weight": grounds.weight,
            "reasons": reasons(grounds),
            "prompt": list(map(with_fields, self.prompt)),
            "chosen": self.chosen,
            "rejected": self.rejected,
        }


def pair_pages(
    pairs: pa.Table, strengths: pa.Table, metrics: AuditFindings, positions: NDArray[np.int64]
) -> Iterator[PairPage]:
    """The pairs at these positions; both tables are in the same order."""
    columns = ["row", "pair_id", "category", "annotator_id", "prompt", "chosen", "rejected"]
    classes = classes_of(strengths)
    for start in range(0, len(positions), _BLOCK):
        block = positions[start : start + _BLOCK]
        rows = pairs.select(columns).take(pa.array(block)).to_pylist()
        for position, row, grounds in zip(block, rows, grounds_at(pairs, strengths, metrics, block), strict=True):
            index = classes[position]
            yield PairPage(
                row=row["row"],
                pair_id=row["pair_id"],
                strength_class=STRENGTH_CLASSES[index] if index >= 0 else None,
                category=row["category"],
                annotator_id=row["annotator_id"],
                grounds=grounds,
                prompt=row["prompt"] or [],
                chosen=joined(row["chosen"]),
                rejected=joined(row["rejected"]),
            )


class Printed(NamedTuple):
    """What a reader may have to be told of a page."""

    is_cut: bool
    """Something was left out."""
    has_marks: bool
    """``MARKS`` stand in its texts."""


def print_page(page: PairPage, console: Console, full: bool) -> Printed:
    """Writes one pair. Text of the data is never markup."""
    width = min(console.width, WIDEST_PROSE)
    console.rule(Text(f"row {page.row}", "bold"), align="left", style="dim")
    console.print(_figures(page), width=width)
    console.print(_labelled("why", plain("; ".join(reasons(page.grounds)))), width=width)
    prompt, prompt_is_cut = _prompt(page.prompt, full)
    console.print(_labelled("prompt", prompt), width=width)
    console.print()
    sides = _responses(page, console, full)
    if console.width >= SIDE_BY_SIDE:
        table = Table(box=None, padding=(0, 3, 0, 0), width=min(console.width, WIDEST), expand=True)
        for side in sides:
            table.add_column(Text(side.heading, "bold"), ratio=1, overflow="fold")
        table.add_row(*(side.text for side in sides))
        console.print(table)
    else:
        for side in sides:
            console.print(Text(side.heading, "bold"))
            console.print(Padding(side.text, (0, 0, 0, 2), expand=False), width=width)
    console.print()
    return Printed(prompt_is_cut or any(side.is_cut for side in sides), any(side.has_marks for side in sides))


def _figures(page: PairPage) -> Text:
    grounds = page.grounds
    doubt = f"p_wrong {probability(grounds.p_wrong)}"
    if np.isfinite(grounds.p_wrong_structured):
        doubt += f" (structured {probability(grounds.p_wrong_structured)})"
    parts = [
        Text(doubt, "bold"),
        Text(f"strength {decimal(grounds.strength)} ± {decimal(grounds.spread)}"),
        Text(page.strength_class or "no class", CLASS_STYLES.get(page.strength_class or "", "")),
        plain(page.category or ""),
        plain(f"annotator {page.annotator_id}" if page.annotator_id else ""),
        Text("" if grounds.target in (0.5, 1) else f"target {grounds.target:.2f}"),
    ]
    return Text("   ").join([part for part in parts if part])


def _labelled(name: str, text: Text) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", width=6)
    grid.add_column(overflow="fold")
    grid.add_row(name, text)
    return grid


def _prompt(turns: list[Message], full: bool) -> tuple[Text, bool]:
    """The last turn, with the number of those before it; all of them where everything is wanted."""
    if not turns:
        return Text("none", "dim"), False
    shown = turns if full else turns[-1:]
    text, is_cut = Text(), len(shown) < len(turns)
    if is_cut:
        earlier = len(turns) - 1
        text.append(f"(after {earlier} earlier {'turn' if earlier == 1 else 'turns'}) ", "dim")
    for number, turn in enumerate(shown):
        if len(turns) > 1 or turn["role"] != "user":
            text.append(("\n" if number else "") + f"{turn['role']}: ", "dim")
        runs, left = cut([Run(printable(as_text(turn)), False)], None if full else PROMPT_AT)
        _with_rest(text.append("".join(run.text for run in runs).strip()), left)
        is_cut = is_cut or left > 0
    return text, is_cut


class _Side(NamedTuple):
    heading: str
    text: Text
    is_cut: bool
    has_marks: bool


def _responses(page: PairPage, console: Console, full: bool) -> list[_Side]:
    """Chosen and rejected. What only one of them has is coloured or, where there are no colours, stands in marks."""
    worse = " (the label calls it the worse one)" if page.grounds.target < 0.5 else ""
    sides = compare_words(printable(page.chosen).strip(), printable(page.rejected).strip())
    shared = 0 if full else shared_beginning(*sides)
    shown = []
    for name, runs, marks, colour in zip((f"chosen{worse}", "rejected"), sides, MARKS, ("green", "red"), strict=True):
        kept, left = cut(without_beginning(runs, shared), None if full else RESPONSE_AT)
        text = Text(f"[the first {count(shared)} characters are the same] ... ", "dim") if shared else Text()
        different = sum(len(run.text) for run in kept if run.is_different)
        has_marks = not console.color_system and 0 < different <= MOST_MARKED * sum(len(run.text) for run in kept)
        for run in kept:
            words = f"{marks[0]}{run.text}{marks[1]}" if run.is_different and has_marks else run.text
            text.append(words, f"bold {colour}" if run.is_different and console.color_system else None)
        shown.append(_Side(name, _with_rest(text, left), bool(shared or left), has_marks))
    return shown


def cut(runs: list[Run], limit: int | None) -> tuple[list[Run], int]:
    """The beginning of a text, and how many characters are left out. None leaves out nothing."""
    if limit is None:
        return runs, 0
    text = "".join(run.text for run in runs)
    lines = len("\n".join(text.split("\n")[:MAX_LINES])) + 1
    if len(text) <= SPARED * min(limit, lines):
        return runs, 0
    kept, rest = fold(runs, min(limit, lines))
    return kept, sum(len(run.text) for run in rest)


def shared_beginning(left: list[Run], right: list[Run]) -> int:
    """Characters at the start of both texts that a reader can do without, so that what differs is in sight."""
    if not left or left[0].is_different or left[:1] != right[:1]:
        return 0
    first = left[0].text
    start = first.rfind(" ", 0, max(0, len(first) - LEAD)) + 1
    return start if len(first) > RESPONSE_AT // 2 else 0


def without_beginning(runs: list[Run], number: int) -> list[Run]:
    """The runs without the first ``number`` characters, which lie in the first."""
    return [Run(runs[0].text[number:], runs[0].is_different), *runs[1:]] if number else runs


def _with_rest(text: Text, left: int) -> Text:
    """The text with how many of its characters are left out, if any."""
    if left:
        text.rstrip()
        text.append(f" [{count(left)} more characters]", "dim")
    return text


def _known(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
