"""``rewardsmith refine``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import RefineConfig

CONFIG = RefineConfig
HELP = """Repairs an audited set by stated rules: drop, flip, soften, weigh, set margins. Every row can be had back.

Without --recipe it is structured_drop where the audit has p_wrong_structured, and none otherwise.

Recipes: soft_label, drop, drop_lowest, flip, flip_wrong, smooth, margin, flip+margin, soft_label+margin, votes,
decisions, none; where errors follow length or category: structured_soft_label, structured_drop,
structured_flip_wrong; as the paper has them, by in-sample strengths: paper_flip, paper_margin, paper_flip+margin,
paper_soft_label+margin. Or a YAML file of rules: docs/methods/refine.md.

Examples:
  rewardsmith refine --audit_dir runs/audit-prefs
  rewardsmith refine --audit_dir runs/audit-prefs --recipe drop --output_dir refined
  rewardsmith refine --audit_dir runs/audit-prefs --recipe mine.yaml --decisions decided.jsonl"""


def run(config: RefineConfig) -> int:
    """Refines and shows what changed."""
    from rewardsmith.workflows.refine import run_refine

    return show_result(run_refine(config), config)
