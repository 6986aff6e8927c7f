"""A scorer without a model, for tests of what stands above the seam."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores


class StubScorer:
    """The reward is a function of the response; conversations of more than ``max_words`` count as truncated."""

    num_members, device, num_bytes = 1, "cpu", 0

    def __init__(self, reward: Callable[[str], float], max_words: int = 1000, fingerprint: str = "stub") -> None:
        self.reward, self.max_words, self.fingerprint = reward, max_words, fingerprint
        self.num_scored: list[int] = []
        self.closed = False

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        self.num_scored.append(len(conversations))
        rewards = np.array([self.reward(talk[-1]["content"]) for talk in conversations], dtype=np.float32)
        words = [sum(len(turn["content"].split()) for turn in talk) for talk in conversations]
        return Scores.of_one(rewards, sum(number > self.max_words for number in words))

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        return {}

    def close(self) -> None:
        self.closed = True
