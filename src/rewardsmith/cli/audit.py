"""``rewardsmith audit``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import AuditConfig

CONFIG = AuditConfig
HELP = """Which labels are wrong, which are ambiguous, how strong is every preference: one verdict and one report.

Examples:
  rewardsmith audit prefs.jsonl
  rewardsmith audit --dataset_name embedded/dialogues
  rewardsmith audit --dataset_name trl-lib/ultrafeedback_binarized --max_pairs 5000
  rewardsmith audit prefs.jsonl --ensemble forked --model_name_or_path Qwen/Qwen3-0.6B
  rewardsmith audit prefs.jsonl --prompt_key question --chosen_key good --rejected_key bad"""


def run(config: AuditConfig) -> int:
    from rewardsmith.workflows.audit import run_audit

    return show_result(run_audit(config), config)
