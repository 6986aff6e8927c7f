"""The gap that says most of a pair's label: the judges', and where responses recur, also that of their other pairs.

A head that trains on the other pairs of the same responses knows more of them than one that does not (AUM finds more
planted flips than held-out judges where a few prompts have many pairs: docs/results/finding_wrong_labels.md). What it
knows is the graph of comparisons, and ``response_effects`` reads that without the pair's own label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.strength.ensembles.judgements import as_labelled
from rewardsmith.strength.response_effects import gaps_in_graph


def evidence_gap(
    gap: NDArray[np.floating],
    target: NDArray[np.floating],
    responses: NDArray[np.int64] | None,
    seed: int,
    learned: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Gaps [N] in the direction of the label ``target`` [N]; negative: the evidence is against it.

    ``gap`` by the judges, chosen less rejected; ``responses`` [N, 2] numbers of the responses (``response_codes``),
    None where the graph is not to be asked; ``learned`` [N] what it may go by, where that is not ``target``
    (``learnable``). NaN where no judge has an opinion.
    """
    known = ~np.isnan(gap)
    found = np.asarray(gap, dtype=np.float64)
    if responses is not None and known.any():
        labels = np.asarray(target if learned is None else learned, dtype=np.float64)
        in_graph = gaps_in_graph(found[known], labels[known], responses[known], seed)
        if in_graph is not None and in_graph.any():  # all 0: it found the judges no use, and nothing better
            found = found.copy()
            found[known] = in_graph
    return as_labelled(found, target)
