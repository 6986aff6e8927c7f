"""The configuration of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass, field

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.preferences.options import DataOptions


@dataclass(frozen=True)
class DoctorConfig:
    """Check the environment, a model and a preference set for faults that silently spoil reward models.

    Exit status 1 if a check fails. Without options it looks at the environment only.

    Examples:
      rewardsmith doctor
      rewardsmith doctor --model_name_or_path embedded/smollm2-135m
      rewardsmith doctor prefs.jsonl --model_name_or_path Qwen/Qwen3-0.6B --max_length 1024
    """

    model_name_or_path: str | None = None
    """Model to check."""
    data: DataOptions = field(default_factory=DataOptions)
    max_length: int = 512
    """Truncation length to check the data set against."""
    run: RunOptions = field(default_factory=RunOptions)
