"""The texts of a pair as a table keeps them: cut, and the responses in pieces by what differs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from rewardsmith.artifacts.terminal.plain_text import escaped, one_line
from rewardsmith.contracts.conversations import Message, as_text
from rewardsmith.report.differences import Run, compare_words, fold

MAX_CHARACTERS = 4_000
"""Characters that are kept of a response, and of all turns of a prompt; the rest is counted and said."""


def pair_texts(prompt: Sequence[Message], chosen: str, rejected: str) -> dict[str, Any]:
    """Turns of the prompt, and both responses in pieces: what both have and what only one has, in turn.

    Characters that nobody sees, and that could pass one text off as another, are escapes.
    """
    sides = compare_words(_visible(chosen), _visible(rejected))
    kept = [fold(side, MAX_CHARACTERS) for side in sides]
    return {
        "prompt": _turns(prompt),
        "chosen": _pieces(kept[0][0]),
        "rejected": _pieces(kept[1][0]),
        "left_out": [sum(len(run.text) for run in rest) for _, rest in kept],
        "length": len(chosen) - len(rejected),
        "longest": max(len(chosen), len(rejected)),
    }


def _visible(text: str) -> str:
    return escaped(text.replace("\r\n", "\n"))


def _turns(prompt: Sequence[Message]) -> list[tuple[str, str, int]]:
    """Role, beginning of the text, and number of characters left out; the last turns have first claim to the room."""
    room, turns = MAX_CHARACTERS, []
    for turn in reversed(prompt):
        text = _visible(as_text(turn))
        head, _ = fold([Run(text, False)], room)
        kept = "".join(run.text for run in head)
        room -= len(kept)
        turns.append((one_line(turn["role"] or ""), kept, len(text) - len(kept)))
    return turns[::-1]


def _pieces(runs: Sequence[Run]) -> list[str]:
    """Texts of the runs, shared and different in turn, a shared one (perhaps empty) first."""
    pieces = ["".join(run.text for run in own) for _, own in groupby(runs, attrgetter("is_different"))]
    return ["", *pieces] if runs and runs[0].is_different else pieces
