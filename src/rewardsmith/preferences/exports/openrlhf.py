"""OpenRLHF's form: ``chosen`` and ``rejected`` as whole conversations, and ``margin``.

Its reward and its DPO trainer both read these columns by default. Our own reader sees TRL's form with the prompt
inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.preferences.exports.outgoing import Export
from rewardsmith.preferences.exports.trl import short_float, whole_conversations


def _rows(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    sides = (whole_conversations(pairs, "chosen"), whole_conversations(pairs, "rejected"))
    for chosen, rejected, margin in zip(*sides, pairs["margin"].to_pylist(), strict=True):
        yield {"chosen": chosen, "rejected": rejected, "margin": short_float(margin)}


def _write(pairs: pa.Table, path: Path, name: str) -> None:
    write_jsonl(path, _rows(pairs))


OPENRLHF = Export(
    "openrlhf",
    "OpenRLHF's train_rm",
    frozenset({"margin"}),
    _write,
    "python -m openrlhf.cli.train_rm --data.dataset {path} --data.apply_chat_template --model.margin_loss_enable ...",
)
