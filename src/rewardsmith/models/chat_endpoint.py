"""A chat model behind an OpenAI-compatible address: one request, tried again where that can help."""

from __future__ import annotations

import os
import random
import time
from threading import Lock
from typing import Any

import httpx2 as httpx

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import ConfigError, ModelError, RefusedError, RewardsmithError, RunError
from rewardsmith.models.options import EndpointOptions

PASSING = frozenset((408, 425, 429, 500, 502, 503, 504, 529))
"""Status of trouble that may be over at the next try."""
FIRST_PAUSE_S, LONGEST_PAUSE_S, SAID_FROM_S = 0.5, 60.0, 5.0
CONNECT_TIMEOUT_S = 10.0
LONGEST_WORDS = 300


class ChatEndpoint:
    """``POST {base_url}/chat/completions``. Several threads may ask at once."""

    def __init__(
        self, base_url: str, api_key_env: str, timeout_s: float, max_retries: int, max_connections: int
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ConfigError(f"`base_url` {base_url} must begin with http:// or https://.")
        key = os.environ.get(api_key_env)
        self.base_url = base_url.rstrip("/")
        self._key_name, self._max_retries = api_key_env, max_retries
        self.num_retries = 0
        """Tries after the first, of all requests so far."""
        self._lock = Lock()
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=max_connections),
        )

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; it has at least one choice.

        ``RefusedError`` where this request is not taken, ``ModelError`` where there is no such model, ``ConfigError``
        for a wrong key, ``RunError`` where no try brought an answer.
        """
        trouble = None
        for attempt in range(self._max_retries + 1):
            if trouble is not None:
                self._wait(attempt, trouble)
                with self._lock:
                    self.num_retries += 1
            try:
                return self._asked(body)
            except _PassingError as error:
                trouble = error
        raise RunError(
            f"{self.base_url} gave no answer in {self._max_retries + 1} tries; the last: {trouble}. When it is well "
            "again, the same command goes on."
        )

    def close(self) -> None:
        self._client.close()

    def _asked(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._client.post(f"{self.base_url}/chat/completions", json=body)
        except httpx.TransportError as error:
            raise _PassingError(f"{type(error).__name__} ({error})") from error
        if not response.is_success:
            raise self._error(response, str(body.get("model")))
        answer = _json_of(response)
        if not (isinstance(answer, dict) and isinstance(answer.get("choices"), list) and answer["choices"]):
            raise _PassingError(f"an answer without choices: {_in_short(response.text)}")
        return answer

    def _error(self, response: httpx.Response, model: str) -> Exception:
        status, trouble = response.status_code, f"status {response.status_code}: {_words_of(response)}"
        if status in PASSING:
            return _PassingError(trouble, response.headers.get("retry-after"))
        if status in (401, 403):
            return ConfigError(f"{self.base_url} refuses the key in {self._key_name} ({trouble}).")
        if status == 404:
            return ModelError(f"{self.base_url} has no model {model}, or no chat completions ({trouble}).")
        if status in (400, 413, 422):
            return RefusedError(f"{self.base_url} refuses a request ({trouble})")
        return ModelError(f"{self.base_url} cannot be used ({trouble}).")

    def _wait(self, attempt: int, trouble: _PassingError) -> None:
        """What the endpoint asks for, else longer each time, at random so that requests do not come back together."""
        pause = trouble.pause_s
        if pause is None:
            pause = FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)
        pause = min(pause, LONGEST_PAUSE_S)
        if pause >= SAID_FROM_S:
            say(f"{self.base_url}: {trouble}; trying again in {pause:.0f} s.")
        time.sleep(pause)


def open_endpoint(where: EndpointOptions) -> ChatEndpoint:
    """The endpoint that options name. ``ConfigError`` for what cannot be."""
    assert where.base_url is not None
    if min(where.max_concurrent_requests, where.max_retries + 1) < 1:
        raise ConfigError("`max_concurrent_requests` must be at least 1 and `max_retries` at least 0.")
    how = (where.api_key_env, where.request_timeout_s, where.max_retries, where.max_concurrent_requests)
    return ChatEndpoint(where.base_url, *how)


class _PassingError(RewardsmithError):
    """Trouble that another try may not meet. ``retry_after``: the header, where there is one."""

    def __init__(self, trouble: str, retry_after: str | None = None) -> None:
        super().__init__(trouble)
        try:
            self.pause_s = None if retry_after is None else max(0.0, float(retry_after))
        except ValueError:  # a date
            self.pause_s = None


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _words_of(response: httpx.Response) -> str:
    """The message of an error: OpenAI's form, others' forms, or the text as it is."""
    found = _json_of(response)
    error = found.get("error", found) if isinstance(found, dict) else None
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return _in_short(message if isinstance(message, str) else response.text)


def _in_short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]}..."
