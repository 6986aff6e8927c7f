"""A policy behind an OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, a provider.

Servers have defaults that cut the distribution off (llama.cpp's, or those of a model's ``generation_config.json``), so
every neutral value is sent; one that a server does not know is left out from then on, and said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import progress
from rewardsmith.contracts.conversations import Conversation, with_fields
from rewardsmith.contracts.sampler import Answers, Sample
from rewardsmith.errors import RefusedError
from rewardsmith.models.chat_endpoint import open_endpoint
from rewardsmith.models.chat_fields import WillingEndpoint
from rewardsmith.models.counter_random import number_of
from rewardsmith.models.options import EndpointOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import read_response
from rewardsmith.sampling.options import SamplingOptions

OPTIONAL = {"logprobs": True, "seed": None, "n": None, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
"""As for ``WillingEndpoint``: what is neutral may be missing."""
LARGEST_SEED = 2**31 - 1
KEPT_OF_A_MESSAGE = ("role", "content", "tool_calls", "function_call")
"""Reasoning that a server gives apart is not part of the response."""


class EndpointSampler:
    """Responses of the model ``name``. Several requests at a time; what the server refuses costs one prompt."""

    def __init__(self, name: str, how: SamplingOptions, where: EndpointOptions, quiet: bool = True) -> None:
        settings = how.settings()
        self.on_policy = settings.on_policy
        self._name, self._quiet, self._workers = name, quiet, where.max_concurrent_requests
        fields: dict[str, Any] = {
            "model": name,
            "max_tokens": how.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": settings.repetition_penalty,
        }
        if self.on_policy:  # elsewhere servers differ in whose log-probabilities they give
            fields["logprobs"] = True
        self._endpoint = WillingEndpoint(open_endpoint(where), fields, OPTIONAL)

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
                answer = self._endpoint.complete({"messages": messages, "n": missing, "seed": named})
                samples += [_sample(choice) for choice in answer["choices"][:missing]]
            except (RefusedError, BadRowError) as error:
                return Answers([], problem=str(error))
        return Answers(samples)


def _sample(choice: Mapping[str, Any]) -> Sample:
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    kept = {name: message[name] for name in KEPT_OF_A_MESSAGE if message.get(name) is not None}
    response = read_response([{"role": "assistant", "content": "", **kept}], "message")
    tokens = (choice.get("logprobs") or {}).get("content") or []
    logprob = sum(float(token["logprob"]) for token in tokens) if tokens else None
    return Sample(response, choice.get("finish_reason"), logprob, len(tokens) or None)
