"""``rewardsmith study noise``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import StudyNoiseConfig

CONFIG = StudyNoiseConfig
HELP = """Does repairing labels help, and which repair? Noise is planted, repaired blind, trained on, tested on truth.

Every arm chooses its regularisation in the same way, by held-out labels (--choose_by). An interrupted study goes on.

Examples:
  rewardsmith study noise prefs.jsonl
  rewardsmith study noise prefs.jsonl --kinds uniform --methods drop,flip,soft_label,margin,cleanlab:drop,aum:drop
  rewardsmith study noise prefs.jsonl --kinds longer,clustered --rates 0,0.2,0.4 --num_seeds 6 --fold_by category"""


def run(config: StudyNoiseConfig) -> int:
    from rewardsmith.workflows.study_noise import run_study_noise

    return show_result(run_study_noise(config), config)
