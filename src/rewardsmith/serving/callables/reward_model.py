"""What every reward function stands on: prompts and responses in, rewards out, and the row named where it fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.scoring.open_scorer import aggregation_of
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import DataError, RefusedError, RunError
from rewardsmith.preferences.problems import BadRowError, shown
from rewardsmith.preferences.rows.responses import read_conversations
from rewardsmith.serving.callables.opened_models import opened_model

SPREAD = "members_std"
"""What a log calls the standard deviation between members."""


class Rewards(NamedTuple):
    """Of some responses, in the order given."""

    rewards: NDArray[np.float32]
    """[N]"""
    spread: NDArray[np.float32] | None
    """[N]: standard deviation (divisor M) between the members; None of a single model."""


@dataclass(frozen=True)
class RewardModel:
    """A reward model by name, opened when rewards are first asked for. It can be pickled: the model stays behind."""

    path: str
    options: ScoringOptions
    name: str | None = None

    @property
    def log_name(self) -> str:
        return self.name or "+".join(Path(part.strip()).name for part in self.path.split(","))

    def rewards(self, answered: Iterable[tuple[object, object]]) -> Rewards:
        """Rewards of responses to prompts, both as ``score`` reads them: texts, or lists of messages.

        ``DataError``, ``RefusedError`` or ``RunError`` where one of them cannot be read, is not taken by the model,
        or has a reward that is not a finite number; they name its place, from 0.
        """
        conversations = [_conversation(prompt, response, row) for row, (prompt, response) in enumerate(answered)]
        members, refused = opened_model(self.path, self.options).score(conversations)
        for row, reason in refused.items():
            raise RefusedError(f"{_place(row, conversations[row])}: {reason}")
        rewards = aggregation_of(self.options)(members).astype(np.float32)
        for row, reward in enumerate(rewards):
            if not np.isfinite(reward):
                raise RunError(f"{_place(row, conversations[row])}: its reward is {reward}, not a finite number.")
        return Rewards(rewards, members.std(0) if len(members) > 1 else None)


def _conversation(prompt: object, response: object, row: int) -> Conversation:
    try:
        (conversation,) = read_conversations({"prompt": prompt, "completion": response}, "completion", None, False)
    except BadRowError as error:
        raise DataError(f"{batch_row(row)}: {error.message}.") from error
    if conversation is None or conversation[-1]["role"] != "assistant":
        raise DataError(f"{batch_row(row)}: it does not end with a turn of the assistant.")
    return conversation


def batch_row(row: int) -> str:
    """How messages name a row."""
    return f"row {row} of the trainer's batch"


def _place(row: int, conversation: Conversation) -> str:
    return f"{batch_row(row)}, response {shown(conversation[-1]['content'])}"
