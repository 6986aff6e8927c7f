"""Text of data for a terminal."""

from __future__ import annotations

import pytest

from rewardsmith.artifacts.terminal.plain_text import escaped, one_line


@pytest.mark.parametrize(
    "text", ["plain [red] text", "zwei\nZeilen\tund ein Tab", "\U0001f469\u200d\U0001f4bb ن\u200cم 中"]
)
def test_text_stays_as_it_is(text: str) -> None:
    assert escaped(text) == text


def test_what_could_rule_a_terminal_is_shown() -> None:
    assert escaped("a\x1b[2Jb\x07\r\x9b1m\u202ec\ud800\u2028") == r"a\x1b[2Jb\x07\r\x9b1m\u202ec\ud800 "
    assert escaped("a\u00a0b\u3000c") == "a b c"


def test_a_line_stays_one() -> None:
    assert one_line("a\nb\tc") == r"a\nb\tc"
