"""The configuration of each study: what `options.py` is for the other verbs. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.studies.arms.options import ArmsStudyOptions
from rewardsmith.studies.noise.options import ForkedArmOptions, NoiseStudyOptions
from rewardsmith.workflows.options import TrainConfig


@dataclass(frozen=True)
class StudyNoiseConfig:
    """Does repairing labels help, and which repair? Noise is planted, repaired blind, trained on, tested on truth.

    Every arm chooses its regularisation in the same way, by held-out labels (--choose_by). An interrupted study
    goes on.

    Examples:
      rewardsmith study noise prefs.jsonl
      rewardsmith study noise prefs.jsonl --kinds uniform --methods drop,flip,soft_label,margin,cleanlab:drop,aum:drop
      rewardsmith study noise prefs.jsonl --kinds longer,clustered --rates 0,0.2,0.4 --num_seeds 6 --fold_by category
    """

    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    study: NoiseStudyOptions = field(default_factory=NoiseStudyOptions)
    forked: ForkedArmOptions = field(default_factory=ForkedArmOptions)
    run: RunOptions = field(default_factory=RunOptions)


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
