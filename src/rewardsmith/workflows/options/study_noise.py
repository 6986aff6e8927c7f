"""The configuration of `study noise`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.studies.noise.options import ForkedArmOptions, NoiseStudyOptions


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
