"""NeMo-RL's form: ``context`` is the prompt; ``completions`` has the chosen response with rank 0, the other with 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from rewardsmith.contracts.conversations import with_fields
from rewardsmith.preferences.exports.outgoing import Export, one_file


def _rows(pairs: pa.Table) -> Iterator[dict[str, Any]]:
    columns = (pairs[name].to_pylist() for name in ("prompt", "chosen", "rejected"))
    for prompt, *responses in zip(*columns, strict=True):
        completions = [
            {"rank": rank, "completion": list(map(with_fields, response))} for rank, response in enumerate(responses)
        ]
        yield {"context": list(map(with_fields, prompt)), "completions": completions}


NEMO_RL = Export(
    "nemo_rl",
    "NeMo-RL's run_rm",
    frozenset(),
    one_file(_rows),
    "the class PreferenceDataset with data_path {path}, in the configuration of examples/run_rm.py",
)
