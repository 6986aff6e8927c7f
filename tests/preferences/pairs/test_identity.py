"""Names that depend on the text alone."""

from __future__ import annotations

from hashlib import sha256

from rewardsmith.preferences.pairs.identity import first_user_turn, group_id, pair_id, prompt_id
from rewardsmith.preferences.rows.messages import assistant, user

SYSTEM = {"role": "system", "content": "Be brief."}


def test_a_single_user_turn_is_named_by_its_text_alone() -> None:
    assert prompt_id([user("héllo 👋")]) == sha256("héllo 👋".encode()).hexdigest()


def test_roles_and_boundaries_of_turns_count() -> None:
    one_turn = ([user("ab")], [user('["user","a"]')], [assistant("a")], [])
    prompts = ([user("a"), user("b")], [user("a"), assistant("b")], *one_turn)
    assert len({prompt_id(prompt) for prompt in prompts}) == len(prompts)


def test_swapping_the_responses_gives_another_pair() -> None:
    prompt, a, b = [user("p")], [assistant("a")], [assistant("b")]
    assert pair_id(prompt, a, b) == pair_id([user("p")], [assistant("a")], [assistant("b")])
    assert pair_id(prompt, a, b) != pair_id(prompt, b, a)
    assert len(pair_id(prompt, a, b)) == 64


def test_the_name_of_a_pair_is_fixed_for_all_time() -> None:
    text = '[[["user","p"]],[["assistant","ä"]],[["assistant","b"]]]'
    assert pair_id([user("p")], [assistant("ä")], [assistant("b")]) == sha256(text.encode()).hexdigest()


def test_the_first_user_turn_skips_the_system_message() -> None:
    assert first_user_turn([SYSTEM, user("one"), assistant("x"), user("two")]) == "one"
    assert first_user_turn([SYSTEM]) == "Be brief."
    assert first_user_turn([]) == ""


def test_groups_are_named_by_the_first_user_turn() -> None:
    long = [SYSTEM, user("one"), assistant("x"), user("two")]
    assert group_id(long) == group_id([user("one")]) == prompt_id([user("one")])
    assert group_id([]) == ""
