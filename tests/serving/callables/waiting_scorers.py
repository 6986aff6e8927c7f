"""Stubs that count letters, refuse some responses, and wait."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores
from rewardsmith.errors import RefusedError
from rewardsmith.serving.callables.opened_models import OpenedModel
from stub_scorer import StubScorer


def letters(text: str) -> float:
    return float(len(text))


def talk(response: str) -> Conversation:
    return [{"role": "user", "content": "?"}, {"role": "assistant", "content": response}]


class Refusing(StubScorer):
    """Takes no response that asks for it."""

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        if self.refusals(conversations):
            raise RefusedError("one of them")
        return super().score(conversations)

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        return {place: "not this" for place, one in enumerate(conversations) if one[-1]["content"] == "refuse"}


class Held(Refusing):
    """Waits within each call until it is let go, and then may fail."""

    def __init__(self, error: type[BaseException] | None = None) -> None:
        super().__init__(letters)
        self.error = error
        self.began, self.may_end = threading.Event(), threading.Event()

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        self.began.set()
        assert self.may_end.wait(10)
        if self.error is not None:
            raise self.error
        return super().score(conversations)

    def asked_meanwhile(self, asked: Sequence[Sequence[Conversation]]) -> tuple[OpenedModel, list[Future[Any]]]:
        """What becomes of the calls of several threads, all but the first made while that was answered."""
        model = OpenedModel(self)
        with ThreadPoolExecutor(len(asked)) as pool:
            answers = [pool.submit(model.score, asked[0])]
            assert self.began.wait(10)
            answers += [pool.submit(model.score, one) for one in asked[1:]]
            while len(model._waiting) < len(asked) - 1:
                pass
            self.may_end.set()
        return model, answers
