"""How much several token sequences have in common at their beginning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]


def shared_prefix_length(sequences: Sequence[Ids]) -> int:
    """Tokens that all sequences begin with; every sequence keeps at least its last token to itself.

    A reward is read at the last token of a conversation, so that one has to stay its own even where a conversation
    is the beginning of another.
    """
    first = sequences[0]
    shared = min(len(sequence) for sequence in sequences) - 1
    for other in sequences[1:]:
        differs = first[:shared] != other[:shared]
        if differs.any():
            shared = int(differs.argmax())
    return shared
