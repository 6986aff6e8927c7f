"""Checks across the pairs of a set: repeats, contradictions, cycles, labels against their own evidence.

Nothing here is quarantined: such rows are kept and counted, because what they tell (how consistent the labels are)
is what an audit is for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from rewardsmith.preferences.pairs.pair_table import PairKeys
from rewardsmith.preferences.pairs.preference_set import Finding

Mask = NDArray[np.bool_]
MakeFinding = Callable[[str, Mask, str], Finding]


def check_set(table: pa.Table, keys: PairKeys, finding: MakeFinding) -> tuple[pa.Table, list[Finding]]:
    """The table with occurrence numbers in ``pair_id``, and what was found. ``finding(check, rows, message)``."""
    if not table.num_rows:
        return table, []
    chosen, rejected, num_responses = _numbered(keys)
    occurrence = _occurrences(chosen * num_responses + rejected)
    decided = table["target"].to_numpy() != 0.5
    contradicted = _contradicted(chosen, rejected, num_responses, decided)
    found = [
        finding("exact_duplicates", occurrence > 1, "rows repeat an earlier row (same prompt, chosen and rejected)"),
        finding("both_labels", contradicted, "rows have the same two responses in the opposite order elsewhere"),
        finding(
            "cycles",
            _on_cycles(chosen, rejected, num_responses, decided & ~contradicted),
            "rows lie on a cycle within a prompt (A over B, B over C, C over A)",
        ),
        finding("ties", ~decided, "rows are ties: they have target 0.5 and count for neither side"),
        finding("no_prompt", _without_prompt(table), "rows have no prompt; each is a split group of its own"),
        finding(
            "votes_against_label",
            decided & _less(table, "votes_chosen", "votes_rejected"),
            "rows have more votes for the rejected response; their label is kept as it is",
        ),
        finding(
            "scores_against_label",
            decided & _less(table, "score_chosen", "score_rejected"),
            "rows score the rejected response higher; their label is kept as it is",
        ),
    ]
    return _with_occurrences(table, occurrence), [f for f in found if f.count]


def _numbered(keys: PairKeys) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Small numbers for the responses of all prompts."""
    values, numbers = np.unique(np.concatenate([keys.chosen, keys.rejected]), return_inverse=True)
    half = len(keys.chosen)
    return numbers[:half].astype(np.int64), numbers[half:].astype(np.int64), len(values)


def _occurrences(pair: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 for the first row with a key, 2 for the second, ..."""
    order = np.argsort(pair, kind="stable")
    starts = np.flatnonzero(np.diff(pair[order], prepend=pair[order[0]] - 1))
    sizes = np.diff(np.append(starts, len(pair)))
    occurrence = np.empty(len(pair), dtype=np.int64)
    occurrence[order] = np.arange(len(pair)) - np.repeat(starts, sizes) + 1
    return occurrence


def _contradicted(chosen: NDArray[np.int64], rejected: NDArray[np.int64], size: int, decided: Mask) -> Mask:
    """Decided rows whose two responses are, in another decided row, the other way round."""
    forward, backward = chosen * size + rejected, rejected * size + chosen
    return decided & np.isin(forward, backward[decided])


def _on_cycles(chosen: NDArray[np.int64], rejected: NDArray[np.int64], size: int, counted: Mask) -> Mask:
    """Rows on a cycle of three or more: both ends in one strongly connected component, by edges without a reverse."""
    edges = (np.ones(int(counted.sum()), dtype=np.int8), (chosen[counted], rejected[counted]))
    _, component = connected_components(coo_array(edges, shape=(size, size)), directed=True, connection="strong")
    on_cycle: Mask = counted & (component[chosen] == component[rejected])
    return on_cycle


def _without_prompt(table: pa.Table) -> Mask:
    return _mask(pc.equal(pc.list_value_length(table["prompt"]), 0))


def _less(table: pa.Table, a: str, b: str) -> Mask:
    return _mask(pc.fill_null(pc.less(table[a], table[b]), False))


def _mask(column: pa.ChunkedArray) -> Mask:
    return np.asarray(column.to_numpy(), dtype=np.bool_)


def _with_occurrences(table: pa.Table, occurrence: NDArray[np.int64]) -> pa.Table:
    if occurrence.max() == 1:
        return table
    suffixes = pa.array(["" if number == 1 else f"-{number}" for number in occurrence])
    names = pc.binary_join_element_wise(table["pair_id"], suffixes, "")
    return table.set_column(0, table.schema.field("pair_id"), names)
