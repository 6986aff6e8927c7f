"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_WORDS = 1200
"""Words compared in each text; difflib's time grows with the square. What follows is shown without marks."""
MIN_SHARED = 0.3
"""Below this share of common words a comparison marks nearly everything and helps nobody: nothing is marked."""


@dataclass(frozen=True)
class Run:
    """Neighbouring words that are all in both texts (``is_different`` false) or all in one only."""

    text: str
    is_different: bool


def compare_words(first: str, second: str) -> tuple[list[Run], list[Run]]:
    """Both texts as runs that join to them exactly; texts with little in common have no mark."""
    left, right = (re.findall(r"\S+\s*|\s+", text) for text in (first, second))
    matcher = SequenceMatcher(
        None, [w.rstrip() for w in left[:MAX_WORDS]], [w.rstrip() for w in right[:MAX_WORDS]], autojunk=False
    )
    if matcher.ratio() < MIN_SHARED:
        return [Run(first, False)], [Run(second, False)]
    blocks = matcher.get_matching_blocks()
    return runs_of(left, [(b.a, b.size) for b in blocks]), runs_of(right, [(b.b, b.size) for b in blocks])


def runs_of(words: Sequence[str], shared: Sequence[tuple[int, int]]) -> list[Run]:
    """The words as runs; ``shared`` are (start, length) of what is in both texts. Beyond ``MAX_WORDS``: unmarked."""
    runs, position = [], 0
    for start, length in shared:
        different = "".join(words[position:start])
        # The space behind the last word joins the words that both have: it is not what differs.
        marked = different.rstrip()
        runs += [Run(marked, True), Run(different[len(marked) :] + "".join(words[start : start + length]), False)]
        position = start + length
    runs.append(Run("".join(words[position:]), False))
    return [run for run in runs if run.text]


def fold(runs: Sequence[Run], limit: int) -> tuple[list[Run], list[Run]]:
    """The runs up to about ``limit`` characters (cut between words), and the rest."""
    head: list[Run] = []
    room = limit
    for i, run in enumerate(runs):
        if len(run.text) <= room:
            head.append(run)
            room -= len(run.text)
            continue
        cut = max(run.text.rfind(" ", 0, room), run.text.rfind("\n", 0, room)) + 1
        if cut == 0 and room > limit / 2:  # a text without spaces
            cut = room
        parts = Run(run.text[:cut], run.is_different), Run(run.text[cut:], run.is_different)
        return ([*head, parts[0]] if cut else head), [parts[1], *runs[i + 1 :]]
    return head, []
