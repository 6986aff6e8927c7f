"""Options of a reward function. Free of heavy imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rewardsmith.engine.scoring.options import ScoringOptions

Form = Literal["trl", "openrlhf", "verl"]


@dataclass(frozen=True)
class RewardFunctionConfig:
    """Which model gives the rewards, and who asks for them."""

    reward_model_path: str
    """What `score` takes: a folder or Hub id, several separated by commas, an ensemble's folder, a feature head."""
    form: Form = "trl"
    """The trainer whose calls the function answers."""
    name: str | None = None
    """What the trainer's log calls the reward; default: the last part of the model's path."""
    policy_name_or_path: str | None = None
    """For `openrlhf`: the policy, whose tokenizer tells a response from its prompt and its end."""
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    """How rewards are computed."""
