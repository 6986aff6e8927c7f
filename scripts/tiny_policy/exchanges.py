"""One question and one answer at a time, from dialogues in the form of HH-RLHF."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

TURN = re.compile(r"\n\n(Human|Assistant): ")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

Exchange = tuple[str, str]


def read_exchanges(paths: Sequence[Path]) -> list[Exchange]:
    """Distinct (user, assistant) texts that stand next to each other in a dialogue, in order of appearance."""
    found: dict[Exchange, None] = {}
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                for dialogue in (row["chosen"], row["rejected"]):
                    found |= dict.fromkeys(exchanges_of(dialogue))
    return list(found)


def exchanges_of(dialogue: str) -> Iterator[Exchange]:
    parts = TURN.split(dialogue)[1:]
    turns = [(role, " ".join(text.split())) for role, text in zip(parts[::2], parts[1::2], strict=True)]
    for (role, said), (next_role, answered) in pairwise(turns):
        if (role, next_role) == ("Human", "Assistant") and said and answered:
            yield said, answered


def cut(exchange: Exchange, num_tokens: Callable[[str], int], longest: tuple[int, int]) -> Exchange | None:
    """Whole sentences: the last of what is said, the first of the answer, of at most so many tokens each."""
    said = _whole_sentences(exchange[0], num_tokens, longest[0], from_end=True)
    answered = _whole_sentences(exchange[1], num_tokens, longest[1], from_end=False)
    return (said, answered) if said and answered else None


def _whole_sentences(text: str, num_tokens: Callable[[str], int], longest: int, from_end: bool) -> str:
    sentences = SENTENCE_END.split(text)
    kept = ""
    for count in range(1, len(sentences) + 1):
        longer = " ".join(sentences[-count:] if from_end else sentences[:count])
        if num_tokens(longer) > longest:
            break
        kept = longer
    return kept
