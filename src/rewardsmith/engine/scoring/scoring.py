"""Rewards of any number of conversations by one model: distinct ones once, prompts together, in flat memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rewardsmith.artifacts.progress import progress
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

WINDOW = 4096
"""Conversations whose tokens are in memory at once and that are planned together."""


@dataclass(frozen=True)
class Distinct:
    """Conversations without repetition, those that share a prompt side by side."""

    conversations: list[Conversation]
    position: NDArray[np.int64]
    """For each conversation given, its place among the distinct ones."""


@dataclass(frozen=True)
class Scored:
    """Rewards [N] in the order given, and how many of these conversations lost tokens to truncation."""

    rewards: NDArray[np.float32]
    num_cut: int


def distinct_by_prompt(conversations: Sequence[Conversation]) -> Distinct:
    """Each conversation once, grouped by prompt, groups in the order of their first appearance."""
    groups: dict[tuple[tuple[str, str], ...], dict[tuple[str, str], list[int]]] = {}
    for index, conversation in enumerate(conversations):
        turns = tuple((message["role"], message["content"]) for message in conversation)
        groups.setdefault(turns[:-1], {}).setdefault(turns[-1:][0] if turns else ("", ""), []).append(index)
    position = np.empty(len(conversations), dtype=np.int64)
    distinct: list[Conversation] = []
    for responses in groups.values():
        for indices in responses.values():
            position[indices] = len(distinct)
            distinct.append(conversations[indices[0]])
    return Distinct(distinct, position)


@torch.inference_mode()
def score_conversations(
    model: Any,
    encoder: ConversationEncoder,
    form: BatchForm,
    conversations: Sequence[Conversation],
    max_tokens: int,
    quiet: bool = True,
) -> Scored:
    """Rewards by a model that is on its device and in evaluation mode. Batch mates change rewards by rounding only."""
    unique = distinct_by_prompt(conversations)
    rewards = np.zeros(len(unique.conversations), dtype=np.float32)
    was_cut = np.zeros(len(unique.conversations), dtype=np.bool_)
    device = next(model.parameters()).device
    with progress("Scoring conversations", len(rewards), quiet) as bar:
        for begin in range(0, len(rewards), WINDOW):
            encoded: list[Encoded] = encoder.encode_many(unique.conversations[begin : begin + WINDOW])
            was_cut[begin : begin + WINDOW] = [item.num_cut > 0 for item in encoded]
            for members in form.plan([[item] for item in encoded], max_tokens):
                inputs = form.inputs([encoded[i] for i in members]).to(device)
                rewards[begin + members] = rewards_of(model, inputs).float().cpu().numpy()
                bar.advance(len(members))
    return Scored(rewards[unique.position], int(was_cut[unique.position].sum()))
