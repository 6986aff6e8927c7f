"""The two conversations of every pair."""

from __future__ import annotations

import pyarrow as pa

from rewardsmith.contracts.conversations import Conversation


def pair_conversations(pairs: pa.Table) -> tuple[list[Conversation], list[Conversation]]:
    """Prompt with the chosen response, and prompt with the rejected one, in the order of the rows."""
    prompts = pairs.column("prompt").to_pylist()
    both = (pairs.column(name).to_pylist() for name in ("chosen", "rejected"))
    chosen, rejected = ([(p or []) + r for p, r in zip(prompts, responses, strict=True)] for responses in both)
    return chosen, rejected
