"""``rewardsmith evaluate``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import EvaluateConfig

CONFIG = EvaluateConfig
HELP = """Measure a reward model on a preference set: accuracy with interval, calibration, by category and by length.

Examples:
  rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl
  rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --fit_temperature
  rewardsmith evaluate --reward_model_path runs/new heldout.jsonl --compare_to runs/old
  rewardsmith evaluate --reward_model_path owner/reward-model --dataset_name embedded/dialogues --json"""


def run(config: EvaluateConfig) -> int:
    from rewardsmith.workflows.evaluate import run_evaluate

    return show_result(run_evaluate(config), config)
