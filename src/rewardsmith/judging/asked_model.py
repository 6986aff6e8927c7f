"""A chat model that is asked of two responses in one order: once, since its answer is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from rewardsmith.artifacts.files.user_cache import cache_folder
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.judge import Problem, ResponsePair
from rewardsmith.errors import ConfigError, RefusedError, RunError
from rewardsmith.judging.kept_answers import Answer, KeptAnswers
from rewardsmith.judging.options import ChatJudgeOptions
from rewardsmith.judging.question import FORMS, Form, Opinion, ask, read_opinion
from rewardsmith.judging.rubric import Rubric
from rewardsmith.judging.spending import Spending
from rewardsmith.models.chat_endpoint import open_endpoint
from rewardsmith.models.chat_fields import WillingEndpoint
from rewardsmith.models.options import EndpointOptions

OPTIONAL = {"temperature": None, "seed": None}
"""As for ``WillingEndpoint``: reasoning models take no temperature."""
GIVE_UP_AFTER = 5
"""Requests without an answer, none in between with one: the endpoint is down."""


@dataclass(frozen=True)
class Trouble:
    """Why there is no opinion."""

    problem: Problem
    reason: str


class AskedModel:
    """``judge_model`` behind an endpoint. Several threads may ask at once."""

    def __init__(self, rubric: Rubric, how: ChatJudgeOptions, spending: Spending, where: EndpointOptions) -> None:
        if not how.judge_model:
            raise ConfigError("`judge_model` is missing: the name of the chat model behind `base_url` that judges.")
        if how.max_judge_tokens < 1:
            raise ConfigError(f"`max_judge_tokens` {how.max_judge_tokens} must be at least 1.")
        self.spending = spending
        self.identity = {"model": how.judge_model, "temperature": 0.0, "seed": 0, "max_tokens": how.max_judge_tokens}
        self._rubric, self._client = rubric, open_endpoint(where)
        self._endpoint = WillingEndpoint(self._client, self.identity, OPTIONAL)
        self._kept = KeptAnswers(cache_folder() / "judges")
        self._takes_schema, self._num_failed, self._lock = True, 0, Lock()
        self._max_tokens = how.max_judge_tokens

    @property
    def base_url(self) -> str:
        return self._client.base_url

    @property
    def num_retries(self) -> int:
        return self._client.num_retries

    def knows(self, shown: ResponsePair) -> bool:
        """Whether nothing is left to ask: a kept answer can be read, or there is one in each form."""
        kept = [self._kept.get(self._key(ask(self._rubric, shown, form))) for form in FORMS]
        return None not in kept or any(answer and read_opinion(answer["content"] or "") for answer in kept)

    def opinion(self, shown: ResponsePair) -> Opinion | Trouble:
        """What it says of two responses in this order, in the first form in which it can be read.

        ``RunError`` where the endpoint answers nobody any more, or where ``max_cost`` is spent.
        """
        trouble = None
        for form in FORMS:
            try:
                answer = self._answer(ask(self._rubric, shown, form), form)
            except RefusedError as error:
                trouble = Trouble("refused", str(error))
                continue
            except _NoAnswerError as error:
                return Trouble("no_answer", str(error))
            if answer is None:
                continue
            if trouble is not None and trouble.problem == "refused":
                self._go_without_schema(trouble.reason)
            opinion = read_opinion(answer["content"] or "")
            if opinion is not None:
                return opinion
            trouble = _unread(answer)
        assert trouble is not None
        return trouble

    def close(self) -> None:
        self._endpoint.close()
        self._kept.close()

    def _answer(self, asked: Mapping[str, Any], form: Form) -> Answer | None:
        """The kept answer, else the endpoint's, which is kept; None for a form that it does not take."""
        key = self._key(asked)
        if (kept := self._kept.get(key)) is not None:
            self.spending.note_kept()
            return kept
        if form == "schema" and not self._takes_schema:
            return None
        self.spending.check()
        answer = _read(self._complete(asked))
        self._kept.put(key, answer)
        self.spending.note_paid(answer, asked["messages"][0]["content"], self._max_tokens)
        return answer

    def _key(self, asked: Mapping[str, Any]) -> str:
        return KeptAnswers.key(self.base_url, {**self.identity, **asked})

    def _complete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            found = self._endpoint.complete(asked)
        except RunError as error:
            with self._lock:
                self._num_failed += 1
                if self._num_failed >= GIVE_UP_AFTER:
                    raise
            raise _NoAnswerError(str(error)) from error
        with self._lock:
            self._num_failed = 0
        return found

    def _go_without_schema(self, refusal: str) -> None:
        with self._lock:
            said, self._takes_schema = not self._takes_schema, False
        if not said:
            say(f"The judge is asked for a tag from now on, since its answer cannot be held to a schema: {refusal}.")


class _NoAnswerError(Exception):
    """One request got no answer; others do."""


def _read(answer: Mapping[str, Any]) -> Answer:
    choice, usage = answer["choices"][0], answer.get("usage")
    choice = choice if isinstance(choice, Mapping) else {}
    message, usage = choice.get("message"), usage if isinstance(usage, Mapping) else {}
    content = message.get("content") if isinstance(message, Mapping) else None
    reason = choice.get("finish_reason")
    return {
        "content": content if isinstance(content, str) else None,
        "finish_reason": reason if isinstance(reason, str) else None,
        "num_tokens_in": _count(usage.get("prompt_tokens")),
        "num_tokens_out": _count(usage.get("completion_tokens")),
    }


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _unread(answer: Answer) -> Trouble:
    said = " ".join((answer["content"] or "").split())
    words = f"{said[-200:]!r}" if said else "nothing"
    if answer["finish_reason"] == "length":
        return Trouble("cut_off", f"the answer had no verdict when `max_judge_tokens` was reached; it ended {words}")
    return Trouble("unreadable", f"the answer holds no verdict; it ended {words}")
