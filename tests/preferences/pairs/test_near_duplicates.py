"""Texts that are almost the same."""

from __future__ import annotations

import random
import time
from string import ascii_lowercase

import pytest

from rewardsmith.preferences.pairs.near_duplicates import near_duplicate_groups, normalised

LONG = "How can I cook a good dinner for six people without spending the whole evening in the kitchen"


def test_case_spacing_and_punctuation_do_not_count() -> None:
    assert normalised("  Hello,\nWORLD! ") == "hello world"
    assert near_duplicate_groups(["What is DVT?", "other words entirely", "what is  dvt"]).tolist() == [0, 1, 0]


def test_a_changed_word_in_a_long_text_still_counts_as_the_same() -> None:
    texts = [f"{LONG} today?", f"{LONG} tonight?", "How can I learn to play the piano as an adult in one year?"]
    assert near_duplicate_groups(texts).tolist() == [0, 0, 2]


def test_different_short_questions_stay_apart() -> None:
    texts = ["What is the capital of Peru?", "What is the size of Peru?", "Who wrote Faust?", "Who wrote Emma?"]
    assert near_duplicate_groups(texts).tolist() == [0, 1, 2, 3]


def test_the_threshold_separates_texts_by_their_exact_similarity() -> None:
    base = "abcdefghijklmnopqrstuvwxyz0123456789" * 2 + "the end of the first text"
    for num_new, same in ((5, True), (20, False)):  # 61 of 66 pieces in common, 61 of 81
        added = "".join(chr(0x4E00 + i) for i in range(num_new))
        assert near_duplicate_groups([base, base + added]).tolist() == [0, 0 if same else 1]


def test_texts_without_words_are_compared_as_they_are() -> None:
    assert near_duplicate_groups(["👋", "🙂", "👋 ", "???", ""]).tolist() == [0, 1, 0, 3, 4]


def test_chains_form_one_group() -> None:
    words = LONG.split()
    texts = [" ".join(["first"] * i + words[i:]) for i in range(3)]
    assert near_duplicate_groups(texts)[1] == 0
    assert near_duplicate_groups([])[:].tolist() == []


def test_nearly_all_pairs_above_the_threshold_are_found() -> None:
    draw = random.Random(0)
    texts: list[str] = []
    for i in range(200):
        words = [f"{draw.choice('bcdfglmn')}{draw.randrange(10**6)}" for _ in range(30)]
        texts += [" ".join(words), " ".join([*words[:15], f"changed{i}", *words[16:]])]
    groups = near_duplicate_groups(texts)
    assert (groups[0::2] == groups[1::2]).mean() > 0.99
    assert len(set(groups.tolist())) >= 200


def test_hundreds_of_texts_of_one_template_are_one_group_where_it_is_rare() -> None:
    draw = random.Random(0)
    others = ["".join(draw.choices(ascii_lowercase, k=40)) for _ in range(3000)]
    texts = [f"{LONG}, if my guests come from the country number {i}?" for i in range(300)]
    groups = near_duplicate_groups(texts + others)
    assert set(groups[:300].tolist()) == {0}
    assert groups[300:].tolist() == list(range(300, 3300))


@pytest.mark.parametrize(
    "where", ["{instruction} {question}", "{question} {instruction}", "A: {question} {instruction}"]
)
def test_a_shared_instruction_makes_no_near_duplicates(where: str) -> None:
    draw = random.Random(0)
    words = ["".join(draw.choices(ascii_lowercase, k=6)) for _ in range(300)]
    questions = [" ".join(draw.sample(words, 12)) for _ in range(60)]
    questions += [f"{question} please" for question in questions[:5]]
    texts = [where.format(instruction=f"{LONG}? {LONG}!", question=question) for question in questions]
    assert near_duplicate_groups(texts).tolist() == [*range(60), *range(5)]


def test_texts_of_nothing_but_common_pieces_are_compared_whole() -> None:
    texts = [f"{first} {second}" for first in ("apples", "oranges") for second in ("boiled", "baked")] * 25
    assert near_duplicate_groups(texts).tolist() == [0, 1, 2, 3] * 25


def test_time_is_linear_in_texts_of_one_template() -> None:
    texts = [f"question {i} about topic {i * 7919 % 1009}" for i in range(20_000)]
    start = time.process_time()
    near_duplicate_groups(texts)
    assert time.process_time() - start < 3
