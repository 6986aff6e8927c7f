"""``rewardsmith train``."""

from __future__ import annotations

import os

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import TrainConfig

CONFIG = TrainConfig
HELP = """Train a reward model on preference pairs; saves a Hugging Face sequence-classification model.

Pairs may carry target (P(chosen is better)), margin and weight; see docs/methods/bradley_terry.md.

Examples:
  rewardsmith train prefs.jsonl --model_name_or_path embedded/smollm2-135m --eval_fraction 0.1
  rewardsmith train prefs.jsonl --model_name_or_path Qwen/Qwen3-0.6B --use_peft --learning_rate 1e-4
  rewardsmith train --dataset_name embedded/dialogues --center_rewards_coefficient 0.01 --output_dir rm"""


def run(config: TrainConfig) -> int:
    from rewardsmith.workflows.train import run_train

    result = run_train(config)
    if os.environ.get("RANK", "0") != "0":  # of several processes one talks
        return 0
    return show_result(result, config)
