"""The configuration of `simulate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SimulateConfig:
    """Write a preference set with planted truth: known rewards, annotators of known skill, known flips.

    Examples:
      rewardsmith simulate --output_file sim.jsonl --flip_rate 0.2
      rewardsmith simulate --output_file sim.jsonl --annotator exact --flips hard --flip_rate 0.1
      rewardsmith simulate --output_file sim.jsonl --annotator_skills 1.0,0.8,0.4 --votes_per_pair 5 --tie_rate 0.1
    """

    output_file: str = ""
    """JSONL file to write."""
    num_pairs: int = 2000
    """Pairs."""
    pairs_per_prompt: int = 4
    """Pairs that share a prompt."""
    annotator: Literal["exact", "bradley_terry", "thurstone"] = "bradley_terry"
    """How a judged pair is decided: by the sign of the true gap, or with noise around it."""
    annotator_skills: str = "1.0"
    """Skill of each annotator, separated by commas: 1 judges every pair, 0 tosses a coin for every pair."""
    votes_per_pair: int = 1
    """Annotators who vote on each pair; the majority is the label."""
    flips: Literal["uniform", "hard", "longer", "category"] = "uniform"
    """Which labels are flipped: any, mostly close pairs, so that the longer response wins, or by category."""
    flip_rate: float = 0.0
    """Share of flipped labels."""
    tie_rate: float = 0.0
    """Share of pairs called a tie."""
    seed: int = 0
    """Seed of every random choice."""
    overwrite: bool = False
    """Replace a file that is there."""
    json: bool = False
    """Make the last line of stdout one JSON document."""
    dry_run: bool = False
    """Print the resolved configuration and stop."""
