"""A policy behind an endpoint: what shapes its distribution is said, and what a server does not know is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat_server import Reply, chat_server, choices, echo
from rewardsmith.contracts.sampler import Sampler
from rewardsmith.errors import ConfigError, RunError
from rewardsmith.models import chat_endpoint
from rewardsmith.models.options import EndpointOptions
from rewardsmith.sampling.endpoint_sampler import EndpointSampler
from rewardsmith.sampling.open_sampler import open_sampler
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions

PROMPTS = [[{"role": "user", "content": text}] for text in ("one", "two", "three", "four", "five")]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_endpoint.time, "sleep", lambda _: None)


Sampling = Callable[..., Sampler]


@pytest.fixture
def sampler() -> Iterator[Sampling]:
    """Opens samplers, and closes them in the end."""
    opened: list[Sampler] = []

    def sampler(url: str, **how: Any) -> Sampler:
        where = EndpointOptions(base_url=url, max_retries=1, request_timeout_s=5.0)
        opened.append(open_sampler("m", None, SamplingOptions(max_new_tokens=9, **how), LocalSamplingOptions(), where))
        return opened[-1]

    yield sampler
    for one in opened:
        one.close()


def only(number: int, body: dict[str, Any]) -> Reply:
    """The answers of a server that gives at most so many at a time."""
    return echo({**body, "n": min(number, body.get("n", 1))})


def refusing(*names: str) -> Any:
    """A server that refuses requests with these fields, as OpenAI's does."""

    def reply(body: dict[str, Any]) -> Reply:
        unknown = [name for name in names if name in body]
        return (400, {"error": {"message": f"Unrecognized: {', '.join(unknown)}"}}) if unknown else echo(body)

    return reply


def test_each_prompt_has_its_samples_in_order(sampler: Sampling) -> None:
    with chat_server() as server:
        found = sampler(server.url).sample(PROMPTS, 3, seed=0)
        again = sampler(server.url).sample(PROMPTS, 3, seed=0)
        other = sampler(server.url).sample(PROMPTS, 3, seed=1)
    texts = [[sample.response["content"] for sample in one.samples] for one in found]
    assert [[text.split()[::2] for text in one] for one in texts] == [
        [[prompt[0]["content"], str(number)] for number in range(3)] for prompt in PROMPTS
    ]
    assert found == again and found != other
    assert len({text.split()[1] for one in texts for text in one}) == 5  # a seed for each prompt


def test_what_shapes_the_distribution_is_sent(sampler: Sampling) -> None:
    with chat_server() as server:
        sampler(server.url).sample(PROMPTS[:1], 2, seed=0)
        sampler(server.url, sampling="paper").sample(PROMPTS[:1], 2, seed=0)
    plain, paper = server.asked
    neutral = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "logprobs": True}
    assert {name: plain[name] for name in neutral} == neutral
    assert (plain["model"], plain["n"], plain["max_tokens"], plain["messages"]) == ("m", 2, 9, PROMPTS[0])
    assert (paper["temperature"], paper["top_p"], paper["repetition_penalty"]) == (0.8, 0.9, 1.1)
    assert "logprobs" not in paper


def test_log_probabilities_are_those_that_the_server_gives(sampler: Sampling) -> None:
    with chat_server() as server:
        [one] = sampler(server.url).sample(PROMPTS[:1], 1, seed=0)
        [other] = sampler(server.url, temperature=0.5).sample(PROMPTS[:1], 1, seed=0)
    assert (one.samples[0].logprob, one.samples[0].num_tokens) == (-1.5, 2)
    assert (other.samples[0].logprob, other.samples[0].num_tokens) == (None, None)


def test_a_server_that_gives_fewer_is_asked_for_the_rest(sampler: Sampling) -> None:
    with chat_server(lambda body: only(2, body)) as server:
        [one] = sampler(server.url).sample(PROMPTS[:1], 5, seed=0)
    assert [body["n"] for body in server.asked] == [5, 3, 1]
    assert len({body["seed"] for body in server.asked}) == 3
    assert len({sample.response["content"] for sample in one.samples}) == 5


def test_fields_that_a_server_does_not_know_are_left_out_and_said(
    sampler: Sampling, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server(refusing("top_k", "min_p", "logprobs", "seed", "n")) as server:
        policy = sampler(server.url)
        [one] = policy.sample(PROMPTS[:1], 2, seed=0)
        num_asked = len(server.asked)
        assert len(policy.sample(PROMPTS, 1, seed=0)) == 5
    assert len(one.samples) == 2 and one.samples[0].logprob is None
    assert num_asked == 3 and len(server.asked) == 8  # refused once
    said = capsys.readouterr().err
    assert said.count("left out from now on") == 1 and "top_k" in said and "logprobs" in said


def test_a_newer_name_of_the_limit_is_taken_up(sampler: Sampling) -> None:
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."

    def reply(body: dict[str, Any]) -> Reply:
        return (400, {"error": {"message": words}}) if "max_tokens" in body else echo(body)

    with chat_server(reply) as server:
        [one] = sampler(server.url).sample(PROMPTS[:1], 1, seed=0)
    assert one.samples and server.asked[-1]["max_completion_tokens"] == 9


def test_a_penalty_that_was_asked_for_is_not_left_out(sampler: Sampling) -> None:
    with chat_server(refusing("repetition_penalty")) as server:
        [one] = sampler(server.url, repetition_penalty=1.1).sample(PROMPTS[:1], 1, seed=0)
        [neutral] = sampler(server.url).sample(PROMPTS[:1], 1, seed=0)
    assert "repetition_penalty" in str(one.problem) and neutral.problem is None


def test_a_prompt_that_is_refused_costs_only_itself(sampler: Sampling) -> None:
    def reply(body: dict[str, Any]) -> Reply:
        return (400, {"error": {"message": "flagged"}}) if "two" in str(body["messages"]) else echo(body)

    with chat_server(reply) as server:
        found = sampler(server.url).sample(PROMPTS, 2, seed=0)
    assert [one.problem is None for one in found] == [True, False, True, True, True]
    assert "flagged" in str(found[1].problem)


def test_trouble_that_stays_ends_the_run(sampler: Sampling) -> None:
    with chat_server(lambda _: (503, "down")) as server, pytest.raises(RunError, match="no answer in 2 tries"):
        sampler(server.url).sample(PROMPTS, 2, seed=0)


def test_calls_of_tools_are_kept_and_reasoning_is_not(sampler: Sampling) -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]

    def reply(body: dict[str, Any]) -> Reply:
        message = {"role": "assistant", "content": None, "tool_calls": calls, "reasoning_content": "Hm."}
        return choices(body, "", message=message, finish_reason="tool_calls")

    with chat_server(reply) as server:
        [one] = sampler(server.url).sample(PROMPTS[:1], 1, seed=0)
    [sample] = one.samples
    assert sample.response["content"] == "" and '"name": "f"' in str(sample.response.get("extra"))
    assert "Hm." not in str(sample.response) and sample.finish_reason == "tool_calls"


def test_address_and_name_are_the_policy(sampler: Sampling) -> None:
    one = sampler("http://a/v1")
    assert isinstance(one, Sampler) and one.on_policy
    assert one.fingerprint == sampler("http://a/v1/", sampling="paper").fingerprint
    assert one.fingerprint != sampler("http://b/v1").fingerprint
    with pytest.raises(ConfigError, match="max_concurrent_requests"):
        EndpointSampler("m", SamplingOptions(), EndpointOptions(base_url="http://a", max_concurrent_requests=0))
