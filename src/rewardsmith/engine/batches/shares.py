"""How the micro-batches of an optimiser step are shared out among processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rewardsmith.engine.batches.encoded_pairs import Indices


def share_of(process: int, num_processes: int, parts: Sequence[Indices]) -> list[tuple[Indices, bool]]:
    """The micro-batches of one process, as many as every other has, since they meet after each.

    Large ones are divided, so that nobody idles while there is work to share. False: a copy that only fills up, and is
    not to count.
    """
    parts = list(parts)
    while len(parts) < min(num_processes, sum(map(len, parts))):
        largest = parts.pop(max(range(len(parts)), key=lambda i: len(parts[i])))
        parts += np.array_split(largest, 2)
    num_real = len(parts)
    parts += [parts[-1]] * (-num_real % num_processes)
    return [(parts[i], i < num_real) for i in range(process, len(parts), num_processes)]
