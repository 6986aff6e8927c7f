"""``rewardsmith undo``: the rows that went into a refined folder, as they were."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rewardsmith.artifacts.files.atomic import write_lines
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.artifacts.runs.metrics_file import METRICS
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.pairs.preference_set import num_rows_of
from rewardsmith.refining.ledger import undone_lines
from rewardsmith.workflows.inputs.audit_folder import require_file
from rewardsmith.workflows.options.undo import UndoConfig
from rewardsmith.workflows.outputs.output_paths import QUARANTINE, refuse_existing, refuse_inputs
from rewardsmith.workflows.refine import LEDGER_FILE


@dataclass(frozen=True)
class UndoResult:
    """What was given back."""

    path: str
    num_rows: int
    num_quarantined: int
    """Those of them that the audit had quarantined."""
    num_not_sampled: int
    """Rows of the input that the audit never took in, since --max_pairs drew a sample."""
    num_kept_as_text: int
    """Rows with what JSON has no word for (bytes that are no text, dates, decimals, the lost end of a damaged file)."""
    of_refined_folder: bool
    """The audit read a refined folder: the rows are those of the set that it was made from."""

    def summary(self) -> dict[str, Any]:
        return asdict(self)

    def print(self, console: Any) -> None:
        quarantined = f", {self.num_quarantined:,} of them quarantined by the audit" if self.num_quarantined else ""
        console.print(
            f"{self.num_rows:,} rows{quarantined}, in the order of the input, written to {self.path}.", markup=False
        )
        if self.num_not_sampled:
            console.print(
                f"{self.num_not_sampled:,} more rows of the input were left out by --max_pairs: they never came in."
            )
        if self.num_kept_as_text:
            console.print(
                f"{self.num_kept_as_text:,} of them held what JSON has no word for (bytes that are no text, dates, "
                "decimals, or what a damaged file lost): that comes back as text."
            )
        if self.of_refined_folder:
            console.print(
                "The audit had read a refined folder: these are the rows of the set that the folder was made from, "
                "less those quarantined there, and without its repairs. Its own ledger is untouched."
            )


def run_undo(config: UndoConfig) -> UndoResult:
    """Writes the rows. ``OutputError`` where the folder is not as `refine` left it, or the file exists."""
    if not config.refined_dir:
        raise ConfigError("--refined_dir is missing: name the folder that `rewardsmith refine` wrote.")
    if not config.output_file:
        raise ConfigError("--output_file is missing: name the JSON Lines file to write, such as back.jsonl.")
    folder, target = Path(config.refined_dir), Path(config.output_file)
    verb = read_manifest(folder)["verb"]
    if verb != "refine":
        raise ConfigError(f"--refined_dir {folder} holds the results of `{verb}`, not those of `refine`.")
    refuse_existing(target, config.overwrite)
    for name in (LEDGER_FILE, QUARANTINE, METRICS):
        require_file(folder, name)
    refuse_inputs("--output_file", target, (folder / name for name in (LEDGER_FILE, QUARANTINE, METRICS)))
    ledger = pq.read_table(folder / LEDGER_FILE, columns=["row", "original"])
    quarantine = read_rows(folder / QUARANTINE)
    write_lines(target, undone_lines(ledger, quarantine))
    num_rows = num_rows_of(ledger) + len(quarantine)
    # unchecked: what an older version refined can be had back too
    data = json.loads((folder / METRICS).read_text(encoding="utf-8"))["data"]
    return UndoResult(
        path=str(target),
        num_rows=num_rows,
        num_quarantined=len(quarantine),
        num_not_sampled=data["num_rows_available"] - num_rows,
        num_kept_as_text=data.get("num_kept_as_text", 0),
        of_refined_folder=data.get("format") == "refined",
    )
