"""The configuration of `study arms`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.studies.arms.options import ArmsStudyOptions
from rewardsmith.workflows.options.train import TrainConfig


@dataclass(frozen=True)
class StudyArmsConfig:
    """Which settings of `train` are best on this set? Named arms on the same pairs, over seeds, paired intervals.

    Every option of `train` is one here and holds for all arms; the file of --arms gives each arm its own above them:

      plain: {}
      smoothed: {data_smoothing: 0.5, num_train_epochs: 2}

    Each arm gets its learning rate from the same grid, by a held-out part. It first tells how long all will take. An
    interrupted study goes on.

    Examples:
      rewardsmith study arms prefs.jsonl --arms arms.yaml --forecast
      rewardsmith study arms prefs.jsonl --arms arms.yaml --test elsewhere=other.jsonl --num_train_epochs 2
      rewardsmith study arms prefs.jsonl --arms arms.yaml --learning_rates 3e-5 --num_seeds 8 --fold_by category
    """

    study: ArmsStudyOptions = field(default_factory=ArmsStudyOptions)
    train: TrainConfig = field(default_factory=TrainConfig)

    @property
    def run(self) -> RunOptions:
        return self.train.run
