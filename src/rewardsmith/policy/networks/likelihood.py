"""How likely a causal model finds responses that somebody wrote, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.policy.networks.actor_critic import response_logprobs
from rewardsmith.policy.networks.sequences import Sequences
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from rewardsmith.tokens.turns import encode_prompts

Floats = NDArray[np.float64]
ROWS_PER_PASS = 128
TOKENS_PER_PASS = 4096


@dataclass(frozen=True)
class Likelihoods:
    """Of N responses."""

    tokens: list[Floats]
    """Log-probability in nats of each token of each response, the end of turn among them where there is one."""

    @property
    def logprobs(self) -> Floats:
        """[N] of whole responses; 0 of one without tokens."""
        return np.array([own.sum() for own in self.tokens], dtype=np.float64)

    @property
    def num_tokens(self) -> NDArray[np.int64]:
        """[N]"""
        return np.array(list(map(len, self.tokens)), dtype=np.int64)


def likelihoods(
    model: Any,
    encoder: ConversationEncoder,
    conversations: Sequence[Conversation],
    ended: Sequence[bool] | None = None,
    max_prompt_length: int | None = None,
) -> Likelihoods:
    """Of the last message of each conversation. ``ended`` False: cut off, so that no end of turn belongs to it.

    ``max_prompt_length``: longer prompts are cut in front, as they were for the policy that answered them.

    Text is made into tokens anew, so two models are compared on the same ones. A policy may have drawn others that say
    the same: those are not looked at.
    """
    encoded = encoder.encode_many(conversations)
    if max_prompt_length is not None:
        prompts = encode_prompts(encoder.tokenizer, [talk[:-1] for talk in conversations], max_prompt_length)
        encoded = [_behind(prompt, one) for prompt, one in zip(prompts, encoded, strict=True)]
    with_end = [True] * len(encoded) if ended is None else ended
    return Likelihoods(token_logprobs_of(model, encoded, with_end))


def token_logprobs_of(model: Any, encoded: Sequence[Encoded], with_end: Sequence[bool]) -> list[Floats]:
    """Log-probabilities of the tokens of each response, and of its end of turn where that is wanted."""
    found: list[Floats] = [np.zeros(0)] * len(encoded)
    for rows in _passes([len(one.input_ids) for one in encoded]):
        sequences = Sequences.of(
            [encoded[i].input_ids[: encoded[i].response_start] for i in rows],
            [encoded[i].input_ids[encoded[i].response_start : encoded[i].response_end + with_end[i]] for i in rows],
            pad_id=0,
        ).to(torch.device(model.device))
        logprobs = response_logprobs(model, sequences).double().cpu().numpy()
        for i, own, mask in zip(rows, logprobs, sequences.response_mask.cpu().numpy(), strict=True):
            found[i] = own[mask]
    return found


def _behind(prompt: Encoded, whole: Encoded) -> Encoded:
    """The response of a conversation behind a prompt of other tokens."""
    start, num_tokens = len(prompt.input_ids), whole.response_end - whole.response_start
    ids = [*prompt.input_ids, *whole.input_ids[whole.response_start :]]
    return replace(whole, input_ids=ids, response_start=start, response_end=start + num_tokens)


def _passes(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of each forward pass, similar lengths together."""
    passes: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        rows = passes[-1] if passes else []
        if not rows or len(rows) == ROWS_PER_PASS or (len(rows) + 1) * lengths[row] > TOKENS_PER_PASS:
            passes.append([row])
        else:
            rows.append(row)
    return passes
