"""How long the responses of a table are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def response_lengths(pairs: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Characters of the chosen and of the rejected responses, each [N]."""
    return _lengths(pairs["chosen"]), _lengths(pairs["rejected"])


def _lengths(responses: pa.ChunkedArray) -> NDArray[np.int64]:
    """Characters a row, summed over its messages, without making Python objects of a million texts."""
    total: list[NDArray[np.int64]] = []
    for chunk in responses.chunks:
        texts = pc.struct_field(pc.list_flatten(chunk), "content")
        owner = pc.list_parent_indices(chunk).to_numpy()
        characters = pc.utf8_length(texts).to_numpy(zero_copy_only=False)
        total.append(np.bincount(owner, weights=characters, minlength=len(chunk)).astype(np.int64))
    return np.concatenate(total) if total else np.empty(0, dtype=np.int64)
