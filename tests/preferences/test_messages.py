"""Messages out of what files hold."""

from __future__ import annotations

from rewardsmith.preferences.messages import is_text_list, user, with_system


def test_a_system_text_goes_before_messages_that_have_none() -> None:
    system = {"role": "system", "content": "s"}
    assert with_system("s", [user("p")]) == [system, user("p")]
    assert with_system("s", []) == [system]
    assert with_system("other", [system, user("p")]) == [system, user("p")]
    for nothing in ("", None, 3):
        assert with_system(nothing, [user("p")]) == [user("p")]


def test_a_list_of_texts_is_not_empty_and_holds_nothing_else() -> None:
    assert is_text_list(["a", ""])
    assert not any(map(is_text_list, ([], "a", ["a", None], ("a",))))
