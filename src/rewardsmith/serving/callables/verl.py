"""A reward function of verl: ``compute_score`` of ``custom_reward_function``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rewardsmith.errors import DataError
from rewardsmith.serving.callables.reward_model import SPREAD, RewardModel, batch_row

PROMPTS = ("raw_prompt", "prompt")
"""Where ``extra_info`` may hold the messages of the prompt: verl's own place, and that of whoever made the data."""
TURNS = 2
"""What verl counts where a prompt has one response."""


class VerlReward:
    """Rewards of ``solution_str``, or of the list ``solution_strs`` that the batched manager of older versions gives.

    verl hands over no prompt: it is read from ``extra_info``.
    """

    def __init__(self, model: RewardModel) -> None:
        self._model = model
        self.__name__ = "compute_score"

    def __call__(
        self,
        data_source: Any = None,
        solution_str: str | None = None,
        ground_truth: Any = None,
        extra_info: Mapping[str, Any] | None = None,
        *,
        solution_strs: Sequence[str] | None = None,
        extra_infos: Sequence[Mapping[str, Any] | None] | None = None,
        **_: Any,
    ) -> dict[str, float] | list[dict[str, float]]:
        if solution_strs is None:
            return self._scores([solution_str], [extra_info])[0]
        return self._scores(solution_strs, [None] * len(solution_strs) if extra_infos is None else extra_infos)

    def _scores(self, responses: Sequence[Any], extra: Sequence[Mapping[str, Any] | None]) -> list[dict[str, float]]:
        prompts = [_prompt(info or {}, row) for row, info in enumerate(extra)]
        rewards, spread = self._model.rewards(zip(prompts, responses, strict=True))
        if spread is None:
            return [{"score": reward} for reward in rewards.tolist()]
        return [{"score": reward, SPREAD: std} for reward, std in zip(rewards.tolist(), spread.tolist(), strict=True)]


def _prompt(info: Mapping[str, Any], row: int) -> object:
    if (turns := info.get("num_turns") or TURNS) > TURNS:
        raise DataError(
            f"{batch_row(row)}: verl hands over {turns} turns as one text, in which the last response "
            "cannot be told from tools and users. Rewards are for agent loops of one turn."
        )
    found = next((info[name] for name in PROMPTS if info.get(name) is not None), None)
    if found is None:
        raise DataError(
            f"{batch_row(row)}: `extra_info` holds no prompt, and verl gives it nowhere else. Write "
            "the messages of each row's prompt to `extra_info` as `prompt`."
        )
    return found.tolist() if hasattr(found, "tolist") else found
