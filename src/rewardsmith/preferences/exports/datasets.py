"""A folder of the ``datasets`` library with the columns of the TRL form; ``load_from_disk`` opens it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from rewardsmith.preferences.exports.outgoing import Export
from rewardsmith.preferences.exports.trl import trl_table

_TEXTS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def _write(pairs: pa.Table, folder: Path, name: str) -> None:
    from rewardsmith.preferences.files.hugging_face import save_dataset  # the library is slow to load

    table = trl_table(pairs)
    texts = {name: table[name].cast(_TEXTS) for name in ("prompt", "chosen", "rejected") if name in table.column_names}
    save_dataset(pa.table({name: texts.get(name, table[name]) for name in table.column_names}), folder)


DATASETS = Export(
    "datasets",
    "whatever reads the columns of a `datasets` folder",
    frozenset({"target", "margin", "weight"}),
    _write,
    'datasets.load_from_disk("{path}")',
    is_folder=True,
    takes_extra=False,
)
