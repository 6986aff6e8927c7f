"""The configuration of `west-of-n`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.artifacts.options import FileRunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.preferences.options import RowOptions


@dataclass(frozen=True)
class WestOfNConfig:
    """Make preferences of a policy's samples: the best of N responses by a reward model above the worst (West-of-N).

    The labels are the model's own opinion; an ensemble's is the better one. N of 16 and more, few pairs kept, and as
    many pairs of people beside them are what its authors found to help (arXiv 2401.12086).

    Examples:
      rewardsmith west-of-n samples.jsonl --reward_model_path runs/ensemble --output_file pairs.jsonl
      rewardsmith west-of-n samples.jsonl --reward_model_path rm1,rm2,rm3 --keep_confident 0.5
      rewardsmith west-of-n samples.jsonl --reward_model_path runs/rm --human_dataset_name prefs.jsonl
    """

    reward_model_path: str = ""
    """Folder or Hub id of the reward model; several separated by commas, or an ensemble's folder, judge together."""
    output_file: str | None = None
    """JSON Lines file to write; default: runs/west-of-n-<name of the samples>.jsonl."""
    data: RowOptions = field(default_factory=RowOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    num_responses: int | None = None
    """N: look at the first so many responses to each prompt; default: all."""
    against: Literal["worst", "random"] = "worst"
    """What the best is put above: the worst, or any other one (a control, which makes worse pairs)."""
    keep_confident: float = 1.0
    """Share of the pairs to keep, those that the members are surest of."""
    keep_likely: float = 1.0
    """Share of these to keep, those whose responses are likeliest under the policy (the samples' `logprob`)."""
    human_dataset_name: str | None = None
    """Preferences of people to write too, all of them: any set that `train` reads."""
    synthetic_per_human: float = 1.0
    """With --human_dataset_name: at most so many made pairs for each of them, drawn at random."""
    seed: int = 0
    """Seed of every random choice."""
    run: FileRunOptions = field(default_factory=FileRunOptions)
