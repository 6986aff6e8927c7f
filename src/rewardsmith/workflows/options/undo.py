"""The configuration of `undo`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UndoConfig:
    """Writes the rows that went into a refined folder: all of them, value for value, in the order of the input.

    What JSON has no word for (bytes that are no text, dates, decimals) comes back as text, and is counted.

    Example:
      rewardsmith undo --refined_dir refined --output_file back.jsonl
    """

    refined_dir: str = ""
    """Folder that `rewardsmith refine` wrote."""
    output_file: str = ""
    """JSON Lines file to write."""
    overwrite: bool = False
    """Replace a file that is there."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
