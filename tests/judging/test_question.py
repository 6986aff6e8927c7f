"""What a chat model is asked, and how whatever it answers is read."""

from __future__ import annotations

import pytest

from judge_server import pair
from rewardsmith.judging.question import FORMS, Opinion, ask, read_opinion
from rewardsmith.judging.rubric import Rubric


@pytest.mark.parametrize(
    ("text", "opinion"),
    [
        ('{"explanation": "B rambles.", "verdict": "A"}', Opinion("win", "B rambles.")),
        (
            'Sure!\n```json\n{"verdict": "B", "explanation": "So."}\n```\nHope that helps {really}.',
            Opinion("lose", "So."),
        ),
        ('{"explanation": "two\nlines", "verdict": " [[c]] "}', Opinion("tie", "two\nlines")),
        ("B is wrong.\n\n[[A]]", Opinion("win", "B is wrong.")),
        ("[[A]] or [[B]]? Hard.\nMy verdict: [[ B ]]", Opinion("lose", "or ? Hard.\nMy verdict:")),
        ("<think>[[A]] surely</think>No: [[C]]", Opinion("tie", "No:")),
        ("<think>[[A]] surely, or", None),
        ("[[A]] if A is better, [[B]] if B is, [[C]] for a tie.", None),
        ('{"explanation": "cut off here', None),
        ('{"verdict": "both"}', None),
        ('["A"]', None),
        ("I prefer A.", None),
        ("", None),
    ],
)
def test_an_answer_is_read_in_either_form_or_not_at_all(text: str, opinion: Opinion | None) -> None:
    assert read_opinion(text) == opinion


def test_the_last_of_several_verdicts_counts() -> None:
    assert read_opinion('{"verdict": "A"} no, wait {"verdict": "B", "explanation": ""}') == Opinion("lose", "")


def test_texts_stand_as_they_are_and_the_explanation_comes_first() -> None:
    rubric = Rubric("mine", "Go by {this}.")
    for form in FORMS:
        asked = ask(rubric, pair("first {0}", "second %s", "What\nis it?"), form)
        [message] = asked["messages"]
        parts = ["Go by {this}.", "What\nis it?", "first {0}", "second %s", "First explain"]
        places = [message["content"].index(part) for part in parts]
        assert places == sorted(places) and message["role"] == "user"
        assert ("response_format" in asked) is (form == "schema")


def test_a_conversation_of_several_turns_is_a_transcript() -> None:
    several = pair("yes", "no")
    turns = [{"role": "system", "content": "Be brief."}, *several.prompt]
    content = ask(Rubric("r", "i"), type(several)(turns, several.first, several.second), "tag")["messages"][0][
        "content"
    ]
    assert "System: Be brief.\n\nUser: Say something." in content
