"""NeMo-RL's form: ``context`` is the prompt; ``completions`` has the chosen response with rank 0, the other with 1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.preferences.exports.outgoing import Export


def _rows(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    columns = (pairs[name].to_pylist() for name in ("prompt", "chosen", "rejected"))
    for prompt, *responses in zip(*columns, strict=True):
        completions = [{"rank": rank, "completion": response} for rank, response in enumerate(responses)]
        yield {"context": prompt, "completions": completions}


def _write(pairs: pa.Table, path: Path, name: str) -> None:
    write_jsonl(path, _rows(pairs))


NEMO_RL = Export(
    "nemo_rl",
    "NeMo-RL's run_rm",
    frozenset(),
    _write,
    "the class PreferenceDataset with data_path {path}, in the configuration of examples/run_rm.py",
)
