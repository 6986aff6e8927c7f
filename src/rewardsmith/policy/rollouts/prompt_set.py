"""The prompts of a run, as conversations and as a policy's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.errors import DataError, ModelError
from rewardsmith.tokens.turns import encode_prompts, end_tokens, response_text

Tokens = list[int]


@dataclass(frozen=True)
class PromptSet:
    """Prompts, and how the policy that answers them ends and pads."""

    conversations: Sequence[Conversation]
    tokens: Sequence[Tokens]
    tokenizer: Any
    ends: frozenset[int]
    """Each of these ends a response."""

    @property
    def pad_id(self) -> int:
        return int(self.tokenizer.pad_token_id)

    def answered(self, place: int, response: Tokens) -> list[Message]:
        """The conversation with a response as text, without its end token."""
        kept = response[:-1] if response[-1] in self.ends else response
        return [*self.conversations[place], {"role": "assistant", "content": response_text(self.tokenizer, kept)}]


def prompt_set(tokenizer: Any, prompts: Sequence[Conversation], max_prompt_length: int) -> PromptSet:
    """Encodes prompts for a policy; says how many are cut.

    ``DataError`` without any, ``RefusedError`` for one that the chat template does not take, ``ModelError`` for a
    tokenizer with which nothing ends.
    """
    if not prompts:
        raise DataError("There is no prompt to answer.")
    ends = end_tokens(tokenizer)
    if not ends:
        raise ModelError("the policy's tokenizer has no token that ends a response: neither EOS nor an end of turn.")
    encoded = encode_prompts(tokenizer, prompts, max_prompt_length)
    if num_cut := sum(one.num_cut > 0 for one in encoded):
        say(f"{num_cut:,} of {len(encoded):,} prompts are cut in front (`max_prompt_length` {max_prompt_length}).")
    return PromptSet(prompts, [one.input_ids for one in encoded], tokenizer, ends)
