"""Which conversations are one, and those of a pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rewardsmith.preferences.pairs.conversations import distinct, pair_conversations, turns_of

USER = {"role": "user", "content": "a"}
ANSWER = {"role": "assistant", "content": "x"}


def test_roles_contents_and_turns_tell_conversations_apart() -> None:
    alike: list[Any] = [
        [USER, ANSWER],
        [{**USER, "role": "system"}, ANSWER],
        [USER, ANSWER, ANSWER],
        [USER, {**ANSWER, "content": "x "}],
        [USER],
        [],
    ]
    assert len({turns_of(conversation) for conversation in alike}) == 6
    assert turns_of([dict(USER), dict(ANSWER)]) == turns_of(alike[0])  # type: ignore[list-item]


def test_the_first_of_every_key_stays_and_every_item_finds_its_like() -> None:
    words = ["Red", "blue", "red", "green", "BLUE"]
    unique, position = distinct(words, key=str.lower)
    assert unique == ["Red", "blue", "green"]
    assert position.tolist() == [0, 1, 0, 2, 1] and position.dtype == np.int64


def test_nothing_has_nothing_distinct() -> None:
    unique, position = distinct([], key=str)
    assert unique == [] and position.shape == (0,)


def test_both_conversations_of_a_pair_begin_with_its_prompt() -> None:
    other = {**ANSWER, "content": "y"}
    pairs = pa.table({"prompt": [[USER], None], "chosen": [[ANSWER], [ANSWER]], "rejected": [[other], [other]]})
    assert pair_conversations(pairs) == ([[USER, ANSWER], [ANSWER]], [[USER, other], [other]])
