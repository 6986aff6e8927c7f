"""A reward function of TRL: an entry of ``reward_funcs`` of ``GRPOTrainer`` and ``RLOOTrainer``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rewardsmith.serving.callables.reward_model import SPREAD, RewardModel


class TRLReward:
    """Rewards of completions, texts or lists of messages; other columns of the data set are not looked at."""

    def __init__(self, model: RewardModel) -> None:
        self._model = model
        self.__name__ = model.log_name
        """TRL logs ``rewards/<name>/mean``."""

    def __call__(
        self,
        prompts: Sequence[object],
        completions: Sequence[object],
        log_metric: Callable[[str, float], None] | None = None,
        **_: Any,
    ) -> list[float]:
        found = self._model.rewards(zip(prompts, completions, strict=True))
        if log_metric is not None and found.spread is not None:
            log_metric(f"rewards/{self.__name__}/{SPREAD}", float(found.spread.mean()))
        rewards: list[float] = found.rewards.tolist()
        return rewards
