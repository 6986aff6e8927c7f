from __future__ import annotations

from rewardsmith.report.differences import MAX_WORDS, Run, compare_words, fold


def text_of(runs):
    return "".join(run.text for run in runs)


def test_runs_join_to_the_texts_byte_for_byte():
    first, second = "  The  cat\nsat on the mat 🐈\u200d⬛ ", "The cat sat\ton the hat"
    left, right = compare_words(first, second)
    assert (text_of(left), text_of(right)) == (first, second)


def test_only_words_of_one_text_are_marked():
    left, right = compare_words("the red fox runs", "the blue fox runs")
    assert [r.text for r in left if r.is_different] == ["red"]
    assert [r.text for r in right if r.is_different] == ["blue"]


def test_texts_with_little_in_common_are_not_marked():
    left, right = compare_words("one two three four", "five six seven eight")
    assert not any(run.is_different for run in [*left, *right])


def test_words_beyond_the_limit_are_kept_without_marks():
    first = "word " * (MAX_WORDS + 500) + "tail"
    left, right = compare_words(first, first + " more")
    assert text_of(left) == first
    assert text_of(right) == first + " more"
    assert not left[-1].is_different


def test_fold_cuts_between_words_and_loses_nothing():
    runs = [Run("alpha beta ", False), Run("gamma delta", True)]
    head, rest = fold(runs, 14)
    assert text_of(head) == "alpha beta "
    assert text_of([*head, *rest]) == "alpha beta gamma delta"
    assert fold(runs, 100) == (runs, [])


def test_a_text_without_spaces_is_cut_anywhere():
    head, rest = fold([Run("x" * 50, False)], 20)
    assert (len(text_of(head)), len(text_of(rest))) == (20, 30)
