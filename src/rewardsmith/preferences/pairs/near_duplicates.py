"""Texts that are almost the same in what is particular to them, found by MinHash and confirmed exactly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

THRESHOLD = 0.8
"""Jaccard similarity of the sets of 5-letter pieces from which two texts count as almost the same."""
COMMON_SHARE, COMMON_TEXTS = 0.1, 10
"""Pieces of so many texts are nobody's own: a shared instruction, a template, the words of the language."""
_PIECE = 5
_BANDS, _ROWS = 20, 5  # a pair at the threshold becomes a candidate with probability 1 - (1 - 0.8^5)^20 = 0.9996
_TEXTS_AT_ONCE, _PAIRS_AT_ONCE = 10_000, 4_000
_SAMPLE = 2_000
_LONGEST = 2000
_ODD = np.uint64(0x9E3779B97F4A7C15)
_WORDS = re.compile(r"\w+")

Positions = NDArray[np.int64]
Codes = NDArray[np.uint32]


def normalised(text: str) -> str:
    """The words of a text in lower case, one space between them; the text itself where it has no words."""
    return " ".join(_WORDS.findall(text.casefold())) or text.strip()


def near_duplicate_groups(texts: Sequence[str]) -> Positions:
    """For each text, the position of the first text of its group: chains of near duplicates are one group.

    Long texts are compared by their first and last 2,000 characters, and all without the pieces that ``COMMON_SHARE``
    of them (of a sample of 2,000) have; a text of nothing else as a whole. Deterministic.
    """
    if not texts:
        return np.zeros(0, dtype=np.int64)
    short = [_shortened(normalised(text)) for text in texts]
    common = _common_codes(short)
    blocks = [short[start : start + _TEXTS_AT_ONCE] for start in range(0, len(short), _TEXTS_AT_ONCE)]
    signatures = np.concatenate([_signatures(_pieces_of(block, common)) for block in blocks])
    pairs = _candidates(signatures)
    parts = [pairs[start : start + _PAIRS_AT_ONCE] for start in range(0, len(pairs), _PAIRS_AT_ONCE)]
    similar = [part[_similarities(short, part, common) >= THRESHOLD] for part in parts]
    a, b = np.concatenate([*similar, np.zeros((0, 2), dtype=np.int64)]).T
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(texts), len(texts)))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


class _Pieces(NamedTuple):
    """5-letter pieces of some texts as numbers, text by text; every text has one or more."""

    codes: Codes
    owner: Positions
    """The text of each, ascending."""


def _pieces(texts: Sequence[str]) -> _Pieces:
    """All pieces, in the order of the letters. A text of fewer than five letters is one piece."""
    padded = [text.ljust(_PIECE, "\0") for text in texts]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), [len(text) for text in padded])
    num_windows = len(letters) - _PIECE + 1
    codes = np.zeros(num_windows, dtype=np.uint64)
    for offset in range(_PIECE):
        codes = (codes + letters[offset : offset + num_windows]) * _ODD
        codes ^= codes >> np.uint64(29)
    inside = owner[:num_windows] == owner[_PIECE - 1 :]
    return _Pieces((codes[inside] >> np.uint64(32)).astype(np.uint32), owner[:num_windows][inside])


def _pieces_of(texts: Sequence[str], common: Codes) -> _Pieces:
    """The pieces that are particular to each text."""
    pieces = _pieces(texts)
    particular = ~np.isin(pieces.codes, common)
    has_none = np.bincount(pieces.owner[particular], minlength=len(texts)) == 0
    particular |= has_none[pieces.owner]
    return _Pieces(pieces.codes[particular], pieces.owner[particular])


def _distinct(pieces: _Pieces) -> _Pieces:
    """Each piece of a text once."""
    keys = np.unique(pieces.owner.astype(np.uint64) << np.uint64(32) | pieces.codes)
    return _Pieces(keys.astype(np.uint32), (keys >> np.uint64(32)).astype(np.int64))


def _common_codes(texts: Sequence[str]) -> Codes:
    sample = texts[:: -(-len(texts) // _SAMPLE)]
    codes, counts = np.unique(_distinct(_pieces(sample)).codes, return_counts=True)
    return codes[counts >= max(COMMON_TEXTS, COMMON_SHARE * len(sample))]


def _signatures(pieces: _Pieces) -> Codes:
    """MinHash values, shape [N, bands * rows]: of each of so many orders of all pieces the least of a text's own."""
    draw = np.random.default_rng(1)
    begin = np.flatnonzero(np.diff(pieces.owner, prepend=-1))
    orders = draw.integers(2**32, size=(2, _BANDS * _ROWS), dtype=np.uint32)
    least = [np.minimum.reduceat((pieces.codes ^ key) * (factor | np.uint32(1)), begin) for key, factor in orders.T]
    return np.stack(least, axis=1)


def _candidates(signatures: Codes) -> Positions:
    """Pairs [P, 2] that agree on a whole band: each text with the one before it and with the first in its bucket.

    Linear in the texts even where thousands are alike, where all pairs of a bucket would not be.
    """
    found = []
    for band in np.split(signatures.astype(np.uint64), _BANDS, axis=1):
        bucket = _folded(band)
        order = np.argsort(bucket, kind="stable")
        again = np.diff(bucket[order], prepend=~bucket[order[:1]]) == 0
        first = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
        later = np.flatnonzero(again)
        found += [np.stack([order[before], order[later]], axis=1) for before in (later - 1, first[later])]
    return np.unique(np.concatenate(found), axis=0)


def _folded(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number for each row of numbers."""
    folded = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        folded = (folded ^ column) * _ODD
    return folded


def _similarities(texts: Sequence[str], pairs: Positions, common: Codes) -> NDArray[np.float64]:
    """Jaccard similarity of the two texts of each pair; 1 where they are the same."""
    used, place = np.unique(pairs, return_inverse=True)
    pieces = _distinct(_pieces_of([texts[i] for i in used], common))
    names, column = np.unique(pieces.codes, return_inverse=True)
    shape = (len(used), len(names))
    sets = csr_array((np.ones(len(column), dtype=np.int32), (pieces.owner, column)), shape=shape)
    a, b = place.reshape(-1, 2).T
    both, sizes = sets[a].multiply(sets[b]).sum(axis=1), sets.sum(axis=1)
    return np.asarray(both / (sizes[a] + sizes[b] - both))


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _LONGEST else text[:_LONGEST] + text[-_LONGEST:]
