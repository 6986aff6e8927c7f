"""ms-swift's form: ``messages`` ends with the chosen response, ``rejected_messages`` with the other; ``margin``.

ms-swift puts a lone ``rejected_response`` after the last turn of the user; whole conversations leave no doubt where
the prompt ends. A system message must come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.preferences.exports.outgoing import Export
from rewardsmith.preferences.exports.trl import short_float, whole_conversations


def _takes_roles(roles: Sequence[str]) -> bool:
    return "system" not in roles[1:]


def _rows(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    sides = (whole_conversations(pairs, "chosen"), whole_conversations(pairs, "rejected"))
    for chosen, rejected, margin in zip(*sides, pairs["margin"].to_pylist(), strict=True):
        yield {"messages": chosen, "rejected_messages": rejected, "margin": short_float(margin)}


def _write(pairs: pa.Table, path: Path, name: str) -> None:
    write_jsonl(path, _rows(pairs))


MS_SWIFT = Export(
    "ms_swift",
    "ms-swift's rlhf --rlhf_type rm",
    frozenset({"margin"}),
    _write,
    "swift rlhf --rlhf_type rm --dataset {path} ...",
    takes_roles=_takes_roles,
)
