"""An endpoint is asked again where that can help, and its refusals say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from chat_server import Reply, chat_server, choices
from rewardsmith.errors import ConfigError, ModelError, RefusedError, RewardsmithError, RunError
from rewardsmith.models import chat_endpoint
from rewardsmith.models.chat_endpoint import ChatEndpoint

BUSY: Reply = (429, {"error": {"message": "slow down"}}, {"Retry-After": "3"})
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi."}]}


def say_hello(body: dict[str, Any]) -> Reply:
    return choices(body, "Hello.")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited."""
    found: list[float] = []
    monkeypatch.setattr(chat_endpoint.time, "sleep", found.append)
    return found


def endpoint(url: str, max_retries: int = 3, timeout_s: float = 5.0) -> ChatEndpoint:
    return ChatEndpoint(url, "TEST_API_KEY", timeout_s, max_retries, max_connections=2)


def ask(url: str, **options: Any) -> dict[str, Any]:
    client = endpoint(url, **options)
    try:
        return client.complete(dict(BODY))
    finally:
        client.close()


def test_what_is_over_at_the_next_try_is_tried_again(pauses: list[float]) -> None:
    with chat_server(say_hello, BUSY, (503, "down"), (200, "<html>"), (200, {"choices": []})) as server:
        answer = ask(server.url, max_retries=4)
    assert answer["choices"][0]["message"]["content"] == "Hello."
    assert server.asked == [BODY] * 5
    assert pauses[0] == 3.0  # what the server asks for
    growing = [chat_endpoint.FIRST_PAUSE_S * 2**power for power in (1, 2, 3)]
    assert all(longest / 2 <= pause <= longest for pause, longest in zip(pauses[1:], growing, strict=True))


def test_pauses_have_an_end(pauses: list[float]) -> None:
    with chat_server(say_hello, (429, "", {"Retry-After": "86400"}), (429, "", {"Retry-After": "soon"})) as server:
        ask(server.url)
    assert pauses[0] == chat_endpoint.LONGEST_PAUSE_S and pauses[1] <= 1.0


def test_giving_up_says_how_often_and_why(pauses: list[float]) -> None:
    with chat_server(lambda _: (500, {"detail": "out of memory"})) as server, pytest.raises(RunError) as error:
        ask(server.url, max_retries=2)
    assert "no answer in 3 tries; the last: status 500: out of memory" in str(error.value)
    assert len(server.asked) == 3 and len(pauses) == 2


def test_nobody_there_is_tried_again_too(pauses: list[float]) -> None:
    with chat_server() as server:
        gone = server.url
    with pytest.raises(RunError, match="ConnectError"):
        ask(gone, max_retries=1)
    assert len(pauses) == 1


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, ConfigError, "refuses the key in TEST_API_KEY"),
        (404, ModelError, "no model m"),
        (400, RefusedError, "refuses a request .status 400: too long"),
        (422, RefusedError, "too long"),
        (301, ModelError, "cannot be used"),
    ],
)
def test_what_no_further_try_would_change_is_said_at_once(
    status: int, kind: type[RewardsmithError], words: str, pauses: list[float]
) -> None:
    with (
        chat_server(lambda _: (status, {"error": {"message": "too long"}})) as server,
        pytest.raises(kind, match=words) as error,
    ):
        ask(server.url)
    assert type(error.value) is kind and error.value.exit_code == 2
    assert len(server.asked) == 1 and not pauses


def test_the_key_is_sent_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with chat_server(say_hello) as server:
        ask(server.url)
        monkeypatch.setenv("TEST_API_KEY", "secret")
        ask(server.url)
        assert server.keys == [None, "Bearer secret"]
        server.reply = lambda _: (403, "no")
        with pytest.raises(ConfigError) as error:
            ask(server.url)
    assert "secret" not in str(error.value)


def test_an_address_is_one() -> None:
    with pytest.raises(ConfigError, match="`base_url` localhost:8000 must begin with"):
        endpoint("localhost:8000")
