"""What a policy answered to the prompts of a round, and what a scorer says of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.errors import DataError, RunError
from rewardsmith.preferences.rows.messages import read_prompt, read_response

Floats = NDArray[np.float64]
CUT_OFF = "length"


@dataclass(frozen=True)
class RoundSamples:
    """P prompts with k responses each, empty ones among them."""

    prompts: list[Conversation]
    responses: list[list[Message]]
    ended: list[list[bool]]
    """Whether a response came to its end of turn; where nobody knows, it did."""

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> RoundSamples:
        """From rows of a samples file, as ``sample`` writes them. ``DataError`` for different numbers of responses."""
        prompts: list[Conversation] = []
        responses, ended = [], []
        for row in rows:
            own = row["responses"]
            prompts.append(read_prompt(row["prompt"], "prompt"))
            responses.append([read_response(one, "responses") for one in own])
            ended.append([reason != CUT_OFF for reason in row.get("finish_reason") or [None] * len(own)])
        numbers = sorted(set(map(len, responses)))
        if len(numbers) != 1 or not numbers[0]:
            raise DataError(f"The samples of a round have {numbers} responses to a prompt; all must have as many.")
        return cls(prompts, responses, ended)

    @property
    def num_samples(self) -> int:
        """k."""
        return len(self.responses[0])

    @property
    def conversations(self) -> list[Conversation]:
        """[P k], prompt by prompt."""
        return [
            [*prompt, response] for prompt, own in zip(self.prompts, self.responses, strict=True) for response in own
        ]

    @property
    def all_ended(self) -> list[bool]:
        """[P k]"""
        return [one for own in self.ended for one in own]


@dataclass(frozen=True)
class SampleScores:
    """Of P prompts with k responses each."""

    rewards: Floats
    """[P, k]"""
    members: Floats
    """[M, P, k]; a single model is its own only member."""
    num_truncated: int = 0
    """Responses that lost tokens, or whose prompt did."""


def score_samples(scorer: Scorer, samples: RoundSamples) -> SampleScores:
    """``RunError`` where a reward is not a finite number."""
    found = scorer.score(samples.conversations)
    shape = len(samples.prompts), samples.num_samples
    rewards, members = found.rewards.astype(np.float64), found.members.astype(np.float64)
    if num := int((~np.isfinite(rewards)).sum()):
        raise RunError(f"{num} of {rewards.size} rewards are not finite numbers.")
    return SampleScores(rewards.reshape(shape), members.reshape(-1, *shape), found.num_truncated)


def usual_scale(rewards: Floats) -> tuple[float, float]:
    """Mean and standard deviation of what a reward model says of the first policy's responses.

    ``RunError`` where it says the same of all of them: nothing can be learned from such a model, or measured by it.
    """
    if not np.ptp(rewards):  # a deviation of 0 may come out as a rounding error
        raise RunError(f"The reward model gives {rewards.max():g} to all {rewards.size} responses of the first policy.")
    return float(rewards.mean()), float(rewards.std())
