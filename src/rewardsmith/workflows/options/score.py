"""The configuration of `score`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import FileRunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.preferences.options import RowOptions


@dataclass(frozen=True)
class ScoreConfig:
    """Write the reward of every response of a set, in its order: pairs, single responses, or several to a prompt.

    Interrupted, the same command goes on where it was. Rewards compare within a prompt only.

    Examples:
      rewardsmith score --reward_model_path runs/train-prefs --dataset_name prefs.jsonl --output_file rewards.parquet
      rewardsmith score samples.jsonl --reward_model_path rm --response_key completions --output_file rewards.jsonl
      rewardsmith score prefs.jsonl --reward_model_path rm1,rm2,rm3 --aggregate mean_minus_std
      rewardsmith score prefs.jsonl --reward_model_path runs/train-prefs --probabilities
    """

    reward_model_path: str = ""
    """Folder or Hub id of the reward model; several separated by commas, or an ensemble's folder, judge together."""
    output_file: str | None = None
    """File to write, `.parquet` or `.jsonl` (JSON Lines); default: runs/score-<name of the data set>.parquet."""
    data: RowOptions = field(default_factory=RowOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    probabilities: bool = False
    """Pairs: write P(chosen is the better response) = sigmoid(gap / temperature) too."""
    temperature: float | None = None
    """With --probabilities: this temperature; default: what `evaluate --fit_temperature` kept in the model's folder."""
    keep_columns: bool = True
    """Write the columns of the input beside the rewards."""
    window: int = 1024
    """Rows scored and saved at a time; an interrupted run loses at most these."""
    run: FileRunOptions = field(default_factory=FileRunOptions)
