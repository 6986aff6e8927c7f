"""The narrow seam to whatever writes responses: local policy, endpoint, stub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rewardsmith.contracts.conversations import Conversation, Message


@dataclass(frozen=True)
class Sample:
    """One response."""

    response: Message
    finish_reason: str | None
    """``stop`` where the policy ended it, ``length`` where it was cut off, or an endpoint's own word."""
    logprob: float | None
    """Of all its tokens, the end of turn included, under the policy itself at temperature 1, in nats; None: unknown."""
    num_tokens: int | None
    """That the policy wrote, the end of turn included."""


@dataclass(frozen=True)
class Answers:
    """What a policy writes to one prompt."""

    samples: list[Sample]
    num_cut: int = 0
    """Tokens that the prompt lost because it was too long."""
    problem: str | None = None
    """Why the policy does not take the prompt; there are no samples then."""


@runtime_checkable
class Sampler(Protocol):
    """Prompts in, responses out. Nothing above this seam knows where a policy runs."""

    @property
    def fingerprint(self) -> str:
        """Identifies the policy: weights, tokenizer and template, or the address and name of one behind an endpoint."""
        ...

    @property
    def on_policy(self) -> bool:
        """Whether responses come from the policy's own distribution: temperature 1, nothing cut off or penalised."""
        ...

    def sample(self, prompts: Sequence[Conversation], num_samples: int, seed: int) -> list[Answers]:
        """So many responses to each prompt, in order.

        The i-th response is a function of policy, prompt, seed and i as far as the policy's place allows: equal prompts
        have equal responses, and fewer samples are the first of more.
        """
        ...

    def close(self) -> None:
        """Lets models and connections go; it samples no more."""
        ...
