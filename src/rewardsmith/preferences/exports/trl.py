"""TRL's preference form: ``prompt``, ``chosen`` and ``rejected`` as message lists, and ``margin``.

What else a row carries (target, weight, strength, edit, names) TRL ignores, and our own reader takes up again. Texts
are never null: ``datasets`` takes a column's type from the first megabytes, and fails where those hold only nulls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.contracts.conversations import Message, with_fields
from rewardsmith.contracts.tables import MESSAGES
from rewardsmith.preferences.exports.outgoing import Export, one_file

_NUMBERS = ("margin", "target", "weight", "strength_mean", "strength_std")
_TEXTS = ("source", "category", "prompt_id", "pair_id")


def trl_table(pairs: pa.Table) -> pa.Table:
    """Oriented pairs in TRL's columns. Columns without any value are left out.

    Where a pair has no prompt, no row has the column: TRL cannot read an empty one. The conversations then begin with
    their prompt.
    """
    columns: dict[str, Any] = {}
    if pc.min(pc.list_value_length(pairs["prompt"])).as_py():
        columns |= {name: pairs[name] for name in ("prompt", "chosen", "rejected")}
    else:
        columns |= {name: pa.array(whole_conversations(pairs, name), MESSAGES) for name in ("chosen", "rejected")}
    present = [name for name in (*_NUMBERS, *_TEXTS) if name in pairs.column_names and _has_values(pairs[name])]
    columns |= {name: pairs[name] if name in _NUMBERS else pc.fill_null(pairs[name], "") for name in present}
    if "rules" in pairs.column_names:
        columns["edit"] = pa.array(["+".join(rules or ()) for rules in pairs["rules"].to_pylist()], pa.string())
    return pa.table(columns)


def trl_rows(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows of ``trl_table``, numbers with the digits that a 32-bit float has."""
    for batch in trl_table(pairs).to_batches(max_chunksize=1000):
        numbers = [name for name in _NUMBERS if name in batch.schema.names]
        texts = [name for name in ("prompt", "chosen", "rejected") if name in batch.schema.names]
        for row in batch.to_pylist():
            messages = {name: list(map(with_fields, row[name])) for name in texts}
            yield row | messages | {name: short_float(row[name]) for name in numbers}


def whole_conversations(pairs: pa.Table, side: str) -> list[list[Message]]:
    """The prompt with the response named ``side`` after it, for every pair."""
    both = zip(pairs["prompt"].to_pylist(), pairs[side].to_pylist(), strict=True)
    return [prompt + response for prompt, response in both]


def conversation_rows(pairs: pa.Table, chosen: str, rejected: str) -> Iterator[dict[str, Any]]:
    """Rows of the two whole conversations, under these names, and ``margin``."""
    sides = (whole_conversations(pairs, "chosen"), whole_conversations(pairs, "rejected"))
    for one, other, margin in zip(*sides, pairs["margin"].to_pylist(), strict=True):
        whole = {chosen: list(map(with_fields, one)), rejected: list(map(with_fields, other))}
        yield {**whole, "margin": short_float(margin)}


def short_float(value: float | None) -> float | None:
    """A 32-bit number with its own digits instead of those of its 64-bit neighbour."""
    return None if value is None else float(str(np.float32(value)))


def _has_values(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count < len(column))


TRL = Export(
    "trl",
    "TRL's RewardTrainer",
    frozenset({"margin"}),
    one_file(trl_rows),
    'RewardTrainer(model, train_dataset=load_dataset("json", data_files="{path}", split="train"))',
)
