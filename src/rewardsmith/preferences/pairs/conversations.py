"""The two conversations of every pair, and which of many conversations are one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation, key_of

Turns = tuple[tuple[str, ...], ...]
Item = TypeVar("Item")


def turns_of(conversation: Conversation) -> Turns:
    """Keys of the messages: equal for equal conversations, and hashable."""
    return tuple(key_of(message) for message in conversation)


def distinct(items: Iterable[Item], key: Callable[[Item], Hashable]) -> tuple[list[Item], NDArray[np.int64]]:
    """The first item of every key, in order of appearance, and for each item given its place among them [N]."""
    places: dict[Hashable, int] = {}
    unique: list[Item] = []
    position: list[int] = []
    for item in items:
        place = places.setdefault(key(item), len(unique))
        if place == len(unique):
            unique.append(item)
        position.append(place)
    return unique, np.array(position, dtype=np.int64)


def pair_conversations(pairs: pa.Table) -> tuple[list[Conversation], list[Conversation]]:
    """Prompt with the chosen response, and prompt with the rejected one, of every row of a table of pairs."""
    prompts = pairs.column("prompt").to_pylist()
    both = (pairs.column(name).to_pylist() for name in ("chosen", "rejected"))
    chosen, rejected = ([(p or []) + r for p, r in zip(prompts, responses, strict=True)] for responses in both)
    return chosen, rejected
