"""``rewardsmith undo``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import UndoConfig

CONFIG = UndoConfig
HELP = """Writes the rows that went into a refined folder: all of them, value for value, in the order of the input.

What JSON has no word for (bytes that are no text, dates, decimals) comes back as text, and is counted.

Example:
  rewardsmith undo --refined_dir refined --output_file back.jsonl"""


def run(config: UndoConfig) -> int:
    from rewardsmith.workflows.undo import run_undo

    return show_result(run_undo(config), config)
