"""Texts that are almost the same, found by MinHash and confirmed exactly."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

THRESHOLD = 0.8
"""Jaccard similarity of the sets of 5-letter pieces from which two texts count as almost the same."""
_PIECE = 5
_BANDS, _ROWS = 20, 5  # a pair at the threshold becomes a candidate with probability 1 - (1 - 0.8^5)^20 = 0.9996
_BLOCK = 10_000
_LONGEST = 2000
_WORDS = re.compile(r"\w+")


def normalised(text: str) -> str:
    """The words of a text in lower case, one space between them; the text itself where it has no words."""
    return " ".join(_WORDS.findall(text.casefold())) or text.strip()


def near_duplicate_groups(texts: Sequence[str]) -> NDArray[np.int64]:
    """For each text, the position of the first text of its group: chains of near duplicates are one group.

    Long texts are compared by their first and last 2,000 characters. Deterministic.
    """
    if not texts:
        return np.zeros(0, dtype=np.int64)
    pieces = [_shortened(normalised(text)) for text in texts]
    candidates = _candidates(_signatures(pieces))
    similar = [(a, b) for a, b in candidates if _similarity(pieces[a], pieces[b]) >= THRESHOLD]
    a, b = np.array(similar, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(texts), len(texts)))
    _, component = connected_components(graph, directed=False)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def _signatures(texts: Sequence[str]) -> NDArray[np.uint64]:
    """MinHash values, shape [N, bands * rows]."""
    blocks = []
    for start in range(0, len(texts), _BLOCK):
        pieces = [[piece.encode() for piece in _pieces(text)] for text in texts[start : start + _BLOCK]]
        hashes = MinHash.bulk(pieces, num_perm=_BANDS * _ROWS, seed=1, hashfunc=zlib.crc32)
        blocks.append(np.stack([minhash.hashvalues for minhash in hashes]).astype(np.uint64))
    return np.concatenate(blocks)


def _candidates(signatures: NDArray[np.uint64]) -> set[tuple[int, int]]:
    """Pairs that agree on a whole band: each text with the one before it and with the first in its bucket.

    Linear in the texts even where thousands share one template, where all pairs of a bucket would not be.
    """
    found: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        part = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        _, bucket = np.unique(part.view([("", part.dtype)] * _ROWS).ravel(), return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        same = bucket[order[1:]] == bucket[order[:-1]]
        first = 0
        for position in np.flatnonzero(same) + 1:
            if not same[position - 2] or position == 1:
                first = int(order[position - 1])
            found.add((int(order[position - 1]), int(order[position])))
            found.add((first, int(order[position])))
    return {(a, b) for a, b in found if a != b}


def _similarity(a: str, b: str) -> float:
    """Jaccard similarity of the texts' pieces."""
    if a == b:
        return 1.0
    left, right = set(_pieces(a)), set(_pieces(b))
    both = len(left & right)
    return both / (len(left) + len(right) - both)


def _pieces(text: str) -> Iterator[str]:
    return (text[i : i + _PIECE] for i in range(max(1, len(text) - _PIECE + 1)))


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _LONGEST else text[:_LONGEST] + text[-_LONGEST:]
