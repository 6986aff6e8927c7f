"""Demonstrations as a policy's tokens, alone or beside its own responses to the same prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.errors import DataError, ModelError
from rewardsmith.policy.networks.actor_critic import PolicyOutput
from rewardsmith.policy.networks.sequences import Sequences
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.tokens.turns import end_tokens

Tokens = list[int]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Demonstrations:
    """N responses, each behind its prompt, with the end of turn."""

    prompts: Sequence[Tokens]
    responses: Sequence[Tokens]
    places: Sequence[int]
    """Which of the conversations given each is."""
    ends: frozenset[int]
    """Tokens of which each ends a response."""
    pad_id: int

    def __len__(self) -> int:
        return len(self.places)

    @property
    def longest_prompt(self) -> int:
        return max(map(len, self.prompts))

    def sequences(self, rows: Rows, own: Mapping[int, Tokens] | None = None) -> Sequences:
        """Some of them, then, where they are known, the own responses to the same prompts: [n] or [2 n]."""
        prompts, responses = [self.prompts[row] for row in rows], [self.responses[row] for row in rows]
        if own is not None:
            prompts, responses = prompts * 2, responses + [own[row] for row in rows.tolist()]
        return Sequences.of(prompts, responses, self.pad_id)

    def num_tokens(self, rows: Rows, own: Mapping[int, Tokens] | None = None) -> list[int]:
        """That each row takes in a batch, an own response included."""
        sizes = []
        for row in rows.tolist():
            both = len(self.responses[row]), 0 if own is None else len(own[row])
            sizes.append((len(self.prompts[row]) + max(both)) * (1 if own is None else 2))
        return sizes


def encode_demonstrations(tokenizer: Any, given: Sequence[Conversation], max_length: int) -> Demonstrations:
    """Tokens of conversations that end with a demonstration; says how many are too long and left out.

    ``DataError`` where none is left, ``RefusedError`` for one that the chat template does not take, ``ModelError`` for
    a tokenizer with which nothing ends.
    """
    if not given:
        raise DataError("There is no demonstration to learn from.")
    ends = end_tokens(tokenizer)
    if not ends:
        raise ModelError("the policy's tokenizer has no token that ends a response: neither EOS nor an end of turn.")
    encoded = ConversationEncoder(tokenizer, max_length).encode_many(given)
    places = [place for place, one in enumerate(encoded) if not one.num_cut]
    if not places:
        raise DataError(
            f"All {len(given):,} demonstrations are longer than {max_length} tokens (`max_length`, or what the policy "
            "reads)."
        )
    if num := len(given) - len(places):
        say(f"{num:,} of {len(given):,} demonstrations are left out: longer than {max_length} tokens.")
    kept = [encoded[place] for place in places]
    return Demonstrations(
        [one.input_ids[: one.response_start] for one in kept],
        [one.input_ids[one.response_start : one.response_end + 1] for one in kept],
        places,
        ends,
        int(tokenizer.pad_token_id),
    )


def whole_logprobs(output: PolicyOutput, sequences: Sequences) -> Float[Tensor, " N"]:
    """Log-probability of each response, in nats."""
    return output.logprobs.where(sequences.response_mask, 0.0).sum(1)
