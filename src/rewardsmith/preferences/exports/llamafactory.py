"""LLaMA-Factory's ShareGPT form with ranking, and the ``dataset_info.json`` that makes it known.

``conversations`` is the prompt, ``chosen`` and ``rejected`` one message each. After a system message, turns must
alternate and end with the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.files.atomic import write_json, write_jsonl
from rewardsmith.contracts.conversations import Message
from rewardsmith.preferences.exports.outgoing import Export

DATASET_INFO = "dataset_info.json"
_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


def _takes_roles(roles: Sequence[str]) -> bool:
    turns = roles[1:] if roles[:1] == ("system",) else roles
    alternating = all(role == ("assistant" if i % 2 else "user") for i, role in enumerate(turns))
    return alternating and len(turns) % 2 == 1


def _turn(message: Message) -> dict[str, str]:
    return {"from": _NAMES[message["role"]], "value": message["content"]}


def _rows(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    columns = (pairs[name].to_pylist() for name in ("prompt", "chosen", "rejected"))
    for prompt, chosen, rejected in zip(*columns, strict=True):
        turns = [_turn(message) for message in prompt]
        yield {"conversations": turns, "chosen": _turn(chosen[0]), "rejected": _turn(rejected[0])}


def _write(pairs: pa.Table, folder: Path, name: str) -> None:
    write_jsonl(folder / f"{name}.jsonl", _rows(pairs))
    entry = {
        "file_name": f"{name}.jsonl",
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }
    write_json(folder / DATASET_INFO, {name: entry})


LLAMAFACTORY = Export(
    "llamafactory",
    "LLaMA-Factory's stage rm",
    frozenset(),
    _write,
    "stage: rm, dataset_dir: {path}, dataset: {name}",
    is_folder=True,
    takes_roles=_takes_roles,
    takes_extra=False,
)
