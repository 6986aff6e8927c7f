"""The configuration of `export`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.preferences.options import DataOptions


@dataclass(frozen=True)
class ExportConfig:
    """Write a preference set, or a refined folder, in the form that another trainer reads.

    What that trainer cannot be told (soft targets, weights, ...) is counted and shown.

    Examples:
      rewardsmith export runs/refine-prefs --to trl --output_file train.jsonl
      rewardsmith export prefs.jsonl --to llamafactory --output_dir data/prefs
      rewardsmith export runs/refine-prefs --to datasets --output_dir prefs_refined
    """

    data: DataOptions = field(default_factory=DataOptions)
    to: Literal["trl", "openrlhf", "llamafactory", "ms_swift", "nemo_rl", "datasets"] = "trl"
    """Who will read it."""
    ties: Literal["leave_out", "keep"] = "leave_out"
    """Pairs with target 0.5, which a chosen and a rejected response cannot say: leave out, or keep in their order."""
    output_file: str | None = None
    """JSON Lines file to write; default: runs/export-<to>-<name of the data set>.jsonl."""
    output_dir: str | None = None
    """Folder to write, for `llamafactory` and `datasets`; default: runs/export-<to>-<name of the data set>."""
    overwrite: bool = False
    """Replace a file, or a folder of an earlier export, that is there."""
    seed: int = 0
    """Seed of the sample with --max_pairs."""
    quiet: bool = False
    """No progress on stderr."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
