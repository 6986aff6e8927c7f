"""``rewardsmith simulate``."""

from __future__ import annotations

from rewardsmith.cli.show import show_result
from rewardsmith.workflows.options import SimulateConfig

CONFIG = SimulateConfig
HELP = """Write a preference set with planted truth: known rewards, annotators of known skill, known flips.

Examples:
  rewardsmith simulate --output_file sim.jsonl --flip_rate 0.2
  rewardsmith simulate --output_file sim.jsonl --annotator exact --flips hard --flip_rate 0.1
  rewardsmith simulate --output_file sim.jsonl --annotator_skills 1.0,0.8,0.4 --votes_per_pair 5 --tie_rate 0.1"""


def run(config: SimulateConfig) -> int:
    from rewardsmith.workflows.simulate import run_simulate

    return show_result(run_simulate(config), config)
