"""A policy behind an OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, a provider.

Servers have defaults that cut the distribution off (llama.cpp's, or those of a model's ``generation_config.json``), so
every neutral value is sent; one that a server does not know is left out from then on, and said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rewardsmith.artifacts.fingerprints import fingerprint_json
from rewardsmith.artifacts.progress import progress, say
from rewardsmith.contracts.conversations import Conversation, with_fields
from rewardsmith.contracts.sampler import Answers, Sample
from rewardsmith.errors import ConfigError, RefusedError
from rewardsmith.models.chat_endpoint import ChatEndpoint
from rewardsmith.models.counter_random import number_of
from rewardsmith.preferences.identity import prompt_id
from rewardsmith.preferences.messages import read_response
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.sampling.options import EndpointOptions, SamplingOptions

OPTIONAL = {"logprobs": True, "seed": None, "n": None, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
"""Fields that a server may not know, and what each may be to be left out then; None: anything."""
LARGEST_SEED = 2**31 - 1
KEPT_OF_A_MESSAGE = ("role", "content", "tool_calls", "function_call")
"""Reasoning that a server gives apart is not part of the response."""


class EndpointSampler:
    """Responses of the model ``name``. Several requests at a time; what the server refuses costs one prompt."""

    def __init__(self, name: str, how: SamplingOptions, where: EndpointOptions, quiet: bool = True) -> None:
        assert where.base_url is not None
        if min(where.max_concurrent_requests, where.max_retries + 1) < 1:
            raise ConfigError("`max_concurrent_requests` must be at least 1 and `max_retries` at least 0.")
        settings = how.settings()
        self.on_policy = settings.on_policy
        self._name, self._quiet, self._workers = name, quiet, where.max_concurrent_requests
        self._endpoint = ChatEndpoint(
            where.base_url, where.api_key_env, where.request_timeout_s, where.max_retries, self._workers
        )
        self._fields: dict[str, Any] = {
            "model": name,
            "max_tokens": how.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": settings.repetition_penalty,
        }
        if self.on_policy:  # elsewhere servers differ in whose log-probabilities they give
            self._fields["logprobs"] = True
        self._unknown: set[str] = set()

    @property
    def fingerprint(self) -> str:
        """Of address and name: what weights answer there cannot be seen from here."""
        return fingerprint_json([self._endpoint.base_url, self._name])

    def sample(self, prompts: Sequence[Conversation], num_samples: int, seed: int) -> list[Answers]:
        """So many responses to each prompt. Seeds are sent along; how far a server goes by them is its own affair."""
        pool = ThreadPoolExecutor(self._workers)
        try:
            waiting = [pool.submit(self._answers, prompt, num_samples, seed) for prompt in prompts]
            found = []
            with progress("Sampling prompts", len(prompts), self._quiet) as bar:
                for one in waiting:
                    found.append(one.result())
                    bar.advance()
            return found
        finally:
            pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        self._endpoint.close()

    def _answers(self, prompt: Conversation, num_samples: int, seed: int) -> Answers:
        messages, samples = [with_fields(message) for message in prompt], list[Sample]()
        while (missing := num_samples - len(samples)) > 0:
            named = number_of("response", seed, prompt_id(prompt), len(samples)) % LARGEST_SEED
            try:
                answer = self._complete({"messages": messages, "n": missing, "seed": named})
                samples += [_sample(choice) for choice in answer["choices"][:missing]]
            except (RefusedError, BadRowError) as error:
                return Answers([], problem=str(error))
        return Answers(samples)

    def _complete(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer, asked without what the server has turned out not to know."""
        while True:
            fields = {**self._fields, **asked}
            body = {name: value for name, value in fields.items() if name not in self._unknown}
            try:
                return self._endpoint.complete(body)
            except RefusedError as error:
                if not self._goes_without(str(error), body):
                    raise

    def _goes_without(self, refusal: str, body: Mapping[str, Any]) -> bool:
        """Whether a refusal names a field that may be missing; it is left out, or has its newer name, from now on."""
        named = [name for name in body if re.search(rf"\b{name}\b", refusal)]
        if "max_tokens" in named and "max_completion_tokens" in refusal:
            self._fields["max_completion_tokens"] = self._fields["max_tokens"]
            self._unknown.add("max_tokens")
            return True
        dropped = [name for name in named if name in OPTIONAL and OPTIONAL[name] in (None, body[name])]
        if new := [name for name in dropped if name not in self._unknown]:
            self._unknown.update(new)
            say(f"{self._endpoint.base_url} does not take {', '.join(new)}: left out from now on.")
        return bool(dropped)


def _sample(choice: Mapping[str, Any]) -> Sample:
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    kept = {name: message[name] for name in KEPT_OF_A_MESSAGE if message.get(name) is not None}
    response = read_response([{"role": "assistant", "content": "", **kept}], "message")
    tokens = (choice.get("logprobs") or {}).get("content") or []
    logprob = sum(float(token["logprob"]) for token in tokens) if tokens else None
    return Sample(response, choice.get("finish_reason"), logprob, len(tokens) or None)
