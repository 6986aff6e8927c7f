"""Reward models that are open in this process: each once, for all who ask, in whatever thread."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.scoring.taken import score_taken

_opening = Lock()


def opened_model(name: str, options: ScoringOptions) -> OpenedModel:
    """The model of that name and those options, opened for the first who asks. Errors as of ``open_scorer``."""
    with _opening:
        return _opened(name, options)


@cache
def _opened(name: str, options: ScoringOptions) -> OpenedModel:
    return OpenedModel(open_scorer(name, options))


class Answer(NamedTuple):
    """What the members say of some conversations."""

    members: NDArray[np.float32]
    """[M, N]; NaN where the model does not take a conversation."""
    refused: dict[int, str]
    """Place and reason of each of those."""


class _Asked(NamedTuple):
    conversations: Sequence[Conversation]
    answer: Future[Answer]


class OpenedModel:
    """One scorer for many threads. What they ask while it works is scored together next.

    So a trainer that asks for one response at a time, in many threads, still fills the batches. One that asks from
    a single thread gets what ``score`` gives, to the bit.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._working, self._listing = Lock(), Lock()
        self._waiting: list[_Asked] = []
        self._has_said_cut = False

    def score(self, conversations: Sequence[Conversation]) -> Answer:
        asked = _Asked(conversations, Future())
        with self._listing:
            self._waiting.append(asked)
        with self._working:
            if not asked.answer.done():
                with self._listing:
                    together, self._waiting = self._waiting, []
                self._answer(together)
        return asked.answer.result()

    def _answer(self, together: Sequence[_Asked]) -> None:
        conversations = [conversation for asked in together for conversation in asked.conversations]
        try:
            found = score_taken(self._scorer, conversations)
        except BaseException as error:  # an interrupt too: nobody may wait for ever
            for asked in together:
                asked.answer.set_exception(error)
            return
        if found.num_truncated and not self._has_said_cut:
            say(f"The reward model cuts {found.num_truncated} of {len(conversations)} conversations (`max_length`).")
            self._has_said_cut = True
        begin = 0
        for asked in together:
            end = begin + len(asked.conversations)
            refused = {place - begin: reason for place, reason in found.refused.items() if begin <= place < end}
            asked.answer.set_result(Answer(found.members[:, begin:end], refused))
            begin = end
