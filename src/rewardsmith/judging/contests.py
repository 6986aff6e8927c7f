"""Which responses of several files are compared: on each prompt that two files share, the i-th with the i-th."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Literal

from rewardsmith.contracts.conversations import as_text
from rewardsmith.contracts.judge import ResponsePair
from rewardsmith.preferences.unlabelled.answers import AnswerSet


@dataclass(frozen=True)
class Compared:
    """A pair to be judged, and what is known of it besides the texts."""

    first: int
    """Number of the file of its first response."""
    second: int
    prompt_id: str
    number: int
    """Of the two responses among those to the prompt, from 0."""
    pair: ResponsePair
    gold_gap: float | None
    """Gold of the first less that of the second, where both are known."""

    @property
    def length_gap(self) -> int:
        """Characters by which the first response is longer."""
        return len(as_text(self.pair.first)) - len(as_text(self.pair.second))


def compared_pairs(
    sets: Sequence[AnswerSet],
    opponents: Literal["all", "first"],
    max_prompts: int | None = None,
    max_responses: int | None = None,
) -> list[Compared]:
    """The pairs, those of a prompt together. ``opponents first``: every file against the first one alone.

    ``max_prompts``: the first so many prompts, in the order of the files, that at least two files have answered.
    """
    contests = [(i, j) for i, j in combinations(range(len(sets)), 2) if opponents == "all" or i == 0]
    names = dict.fromkeys(name for one in sets for name in one.prompts)
    of_prompt = ([*_of_prompt(sets, contests, name, max_responses)] for name in names)
    return [pair for pairs in islice(filter(None, of_prompt), max_prompts) for pair in pairs]


def _of_prompt(
    sets: Sequence[AnswerSet], contests: Sequence[tuple[int, int]], name: str, most: int | None
) -> Iterator[Compared]:
    for i, j in contests:
        both = zip(sets[i].answers.get(name, ()), sets[j].answers.get(name, ()), strict=False)
        for number, (one, other) in enumerate(islice(both, most)):
            gap = None if one.gold is None or other.gold is None else one.gold - other.gold
            pair = ResponsePair(sets[i].prompts[name], one.response, other.response)
            yield Compared(i, j, name, number, pair, gap)
