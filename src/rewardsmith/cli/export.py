"""``rewardsmith export``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import ExportConfig

CONFIG = ExportConfig
HELP = """Write a preference set, or a refined folder, in the form that another trainer reads.

What that trainer cannot be told (soft targets, weights, ...) is counted and shown.

Examples:
  rewardsmith export runs/refine-prefs --to trl --output_file train.jsonl
  rewardsmith export prefs.jsonl --to llamafactory --output_dir data/prefs
  rewardsmith export runs/refine-prefs --to datasets --output_dir prefs_refined"""


def run(config: ExportConfig) -> int:
    from rewardsmith.workflows.export import run_export

    return show_result(run_export(config), config)
