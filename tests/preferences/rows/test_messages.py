"""Messages out of what files hold."""

from __future__ import annotations

import pytest

from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import is_text_list, read_messages


def test_a_list_of_texts_is_not_empty_and_holds_nothing_else() -> None:
    assert is_text_list(["a", ""])
    assert not any(map(is_text_list, ([], "a", ["a", None], ("a",))))


def test_parts_of_text_are_joined_and_others_are_named() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "input_text", "text": "b"}]
    assert read_messages([{"role": "user", "content": parts}], "prompt") == [{"role": "user", "content": "a b"}]
    with pytest.raises(BadRowError, match="not text: 'tool_use'"):
        read_messages([{"role": "assistant", "content": [*parts, {"type": "tool_use", "name": "f"}]}], "chosen")
