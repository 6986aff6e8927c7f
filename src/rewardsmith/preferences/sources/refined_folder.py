"""A folder that ``rewardsmith refine`` wrote, as a preference set: the rows of its ledger as they stand there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rewardsmith.artifacts.config.flat_config import at_home
from rewardsmith.artifacts.runs.manifest import MANIFEST, UNFINISHED, read_manifest, require_fingerprint
from rewardsmith.contracts.tables import PAIRS
from rewardsmith.errors import DataError

LEDGER_FILE = "ledger.parquet"


def verb_of(folder: Path) -> str | None:
    """The verb whose run made a folder, finished or not; None for any other folder, or for what is none."""
    for name in (MANIFEST, UNFINISHED):
        try:
            record = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and record.get("tool") == "rewardsmith":
            return str(record.get("verb"))
    return None


def is_refined(dataset: Any) -> bool:
    """Whether a data set's name is that of a refined folder."""
    return isinstance(dataset, str | Path) and str(dataset) != "" and verb_of(Path(at_home(str(dataset)))) == "refine"


def ledger_path(folder: str | Path) -> Path:
    """The ledger of a refined folder. ``OutputError`` where the run did not finish, or the file has changed since."""
    path = Path(at_home(str(folder))) / LEDGER_FILE
    read_manifest(path.parent)
    if not path.exists():
        raise DataError(f"{path} is missing. Run `refine` again.")
    require_fingerprint(path.parent, LEDGER_FILE, path)
    return path


def read_ledger(folder: str | Path) -> pa.Table:
    """Every row of the ledger, in the order of the input."""
    path = ledger_path(folder)
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is not a readable Parquet file: {error}.") from error


def pairs_of_ledger(ledger: pa.Table) -> pa.Table:
    """The pairs, with the names and groups they had in the audit and the supervision that refining gave them."""
    return ledger.select(PAIRS.names).cast(PAIRS)
