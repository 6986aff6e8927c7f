"""The configuration of `evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.preferences.options import DataOptions


@dataclass(frozen=True)
class EvaluateConfig:
    """Measure a reward model on a preference set: accuracy with interval, calibration, by category and by length.

    Examples:
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --fit_temperature
      rewardsmith evaluate --reward_model_path runs/new heldout.jsonl --compare_to runs/old
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --samples_file samples.jsonl
      rewardsmith evaluate --reward_model_path runs/train-prefs heldout.jsonl --second_labels judged.jsonl
      rewardsmith evaluate --reward_model_path owner/reward-model --dataset_name embedded/dialogues --json
    """

    reward_model_path: str = ""
    """Folder or Hub id of the reward model (sequence classification, peft adapter, feature head or ensemble)."""
    compare_to: str | None = None
    """A second model, scored on the same pairs: every difference gets a paired interval."""
    fit_temperature: bool = False
    """Keep the temperature of this held-out set in the model's folder, for `score --probabilities`."""
    state_pairs: int = 300
    """Pairs, drawn at random, whose states (what the head reads) are described and drawn, up to 2000; 0: none."""
    samples_file: str | None = None
    """Several responses to each prompt, as `sample` writes them: which would be chosen, and what is their `gold`?"""
    second_labels: str | None = None
    """Labels of the same pairs by somebody else, as `judge` writes them or in any form of preferences: accuracy by
    both, and where both agree."""
    data: DataOptions = field(default_factory=DataOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    run: RunOptions = field(default_factory=RunOptions)
