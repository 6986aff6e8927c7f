"""``rewardsmith score``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import ScoreConfig

CONFIG = ScoreConfig
HELP = """Write the reward of every response of a set, in its order: pairs, single responses, or several to a prompt.

Interrupted, the same command goes on where it was. Rewards compare within a prompt only.

Examples:
  rewardsmith score --reward_model_path runs/train-prefs --dataset_name prefs.jsonl --output_file rewards.parquet
  rewardsmith score samples.jsonl --reward_model_path rm --response_key completions --output_file rewards.jsonl
  rewardsmith score prefs.jsonl --reward_model_path rm1,rm2,rm3 --aggregate mean_minus_std
  rewardsmith score prefs.jsonl --reward_model_path runs/train-prefs --probabilities"""


def run(config: ScoreConfig) -> int:
    from rewardsmith.workflows.score import run_score

    return show_result(run_score(config), config)
