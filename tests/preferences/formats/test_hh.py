"""HH-RLHF transcripts."""

from __future__ import annotations

import pytest

from rewardsmith.preferences.formats.hh import HH, split_transcript
from rewardsmith.preferences.pairs.pair import Pair
from rewardsmith.preferences.problems import BadRowError
from rewardsmith.preferences.rows.messages import assistant, user

START = "\n\nHuman: Hi \n\nthere\n\nAssistant: Yes?\n\nHuman:  Two spaces\n\nAssistant:"
TURNS = [user("Hi \n\nthere"), assistant("Yes?"), user(" Two spaces")]


def reason_of(chosen: object, rejected: object) -> str:
    with pytest.raises(BadRowError) as error:
        HH.read({"chosen": chosen, "rejected": rejected})
    return error.value.reason


def test_a_transcript_becomes_turns_and_the_last_one_is_the_response() -> None:
    pair = HH.read({"chosen": f"{START} A: é\n", "rejected": f"{START} B"})
    assert pair == Pair(TURNS, assistant("A: é\n"), assistant("B"))


def test_a_transcript_can_be_put_together_again() -> None:
    transcript = f"{START} Done, Human: no turn here\nAssistant: nor here"
    names = {"user": "Human", "assistant": "Assistant"}
    parts = [f"\n\n{names[turn['role']]}: {turn['content']}" for turn in split_transcript(transcript)]
    assert "".join(parts) == transcript


def test_text_before_the_first_turn_is_a_system_message() -> None:
    assert split_transcript("Be kind.\n\nHuman: p\n\nAssistant: a")[0] == {"role": "system", "content": "Be kind."}
    assert split_transcript("Human: p\n\nAssistant: a") == [user("p"), assistant("a")]


def test_an_empty_last_turn_is_an_empty_response(load) -> None:
    found = load([{"chosen": START, "rejected": f"{START} b"}, {"chosen": f"{START} a", "rejected": f"{START} b"}])
    assert found.format == "hh"
    assert [bad.reason for bad in found.quarantine] == ["empty_field"]


def test_a_transcript_that_ends_with_the_human_has_no_response() -> None:
    assert reason_of(f"{START} a", f"{START} b\n\nHuman: c") == "no_response"


def test_transcripts_that_part_earlier_have_different_prompts() -> None:
    assert reason_of(f"{START} a", f"{START} b\n\nHuman: c\n\nAssistant: d") == "different_prompts"


@pytest.mark.parametrize(
    ("chosen", "reason"),
    [(None, "missing_field"), (3, "wrong_type"), ("", "empty_field"), ("\n\nAssistant: a", "missing_field")],
)
def test_bad_rows_have_their_reason(chosen: object, reason: str) -> None:
    assert reason_of(chosen, f"{START} b") == reason


def test_copies_with_the_prompt_apart_are_read() -> None:
    record = {"prompt": START, "chosen": " a", "rejected": " b"}
    assert HH.matches(record)
    assert HH.read(record) == Pair(TURNS, assistant("a"), assistant("b"))
