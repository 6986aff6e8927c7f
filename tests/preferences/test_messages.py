"""Messages out of what files hold."""

from __future__ import annotations

from rewardsmith.preferences.messages import is_text_list


def test_a_list_of_texts_is_not_empty_and_holds_nothing_else() -> None:
    assert is_text_list(["a", ""])
    assert not any(map(is_text_list, ([], "a", ["a", None], ("a",))))
