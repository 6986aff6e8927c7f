"""Features of the words of a text: how much of it comes again, and how much another text said before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}'’]+"
RUN = 3
"""Words that come again together."""
_BITS = 21
"""Of a word's number in the key of a run: keys are exact below two million distinct words."""


@dataclass(frozen=True)
class Words:
    """The words of N texts, one after another."""

    codes: NDArray[np.int64]
    """Equal for equal words, whatever their case."""
    texts: NDArray[np.int64]
    """The text that each is of, ascending in [0, N)."""
    num_texts: int

    def part(self, start: int, end: int) -> Words:
        """Those of the texts from start to end, which count from 0 again."""
        first, last = np.searchsorted(self.texts, (start, end))
        return Words(self.codes[first:last], self.texts[first:last] - start, end - start)


def words_of(texts: pa.Array) -> Words:
    """The words of texts [N]: runs of letters and digits."""
    parts = pc.split_pattern_regex(pc.utf8_lower(texts), pattern=BETWEEN_WORDS)
    words, owners = pc.list_flatten(parts), pc.list_parent_indices(parts)
    there = pc.not_equal(words, "")
    codes = words.filter(there).dictionary_encode().indices.to_numpy()
    return Words(codes.astype(np.int64), owners.filter(there).to_numpy().astype(np.int64), len(texts))


def repetition(words: Words) -> Floats:
    """Share [N] of a text's runs of three words that it has had before; 0 with fewer than three words."""
    number = max(0, len(words.codes) - RUN + 1)
    runs = np.zeros(number, dtype=np.int64)
    for place in range(RUN):
        runs = (runs << _BITS) + words.codes[place : place + number]
    first, last = words.texts[:number], words.texts[len(words.texts) - number :]
    runs, texts = runs[first == last], first[first == last]
    order = np.lexsort((runs, texts))
    runs, texts = runs[order], texts[order]
    again = (runs[1:] == runs[:-1]) & (texts[1:] == texts[:-1])
    return _share(texts[1:][again], texts, words.num_texts)


def overlap(words: Words, others: Words) -> Floats:
    """Share [N] of a text's words that stand in its other text too; 0 without words. Codes are of one ``words_of``."""
    distinct = 1 + max(words.codes.max(initial=0), others.codes.max(initial=0))
    keys = (each.texts * distinct + each.codes for each in (words, others))
    return _share(words.texts[np.isin(*keys)], words.texts, words.num_texts)


def _share(hits: NDArray[np.int64], all_: NDArray[np.int64], num_texts: int) -> Floats:
    """Of the entries of each text [N], the part that are hits."""
    found, total = (np.bincount(texts, minlength=num_texts) for texts in (hits, all_))
    return found / np.maximum(total, 1)
