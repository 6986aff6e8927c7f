from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from rewardsmith.report.audit.pairs.pages import MAX_LINES, PairPage, Printed, cut, pair_pages, print_page
from rewardsmith.report.differences import Run
from rewardsmith.report.numbers import probability

PROMPT = [{"role": "user", "content": "Which is the [red]best[/red]?"}]


def page(
    fake_audit: ModuleType, chosen: str, rejected: str, prompt: list[dict[str, str]] = PROMPT, target: float = 1.0
) -> PairPage:
    pairs, strengths = fake_audit.fake_tables(60, texts=[(prompt, chosen, rejected)])
    pairs = pairs.set_column(pairs.column_names.index("target"), "target", pa.array([target] * 60, pa.float32()))
    (found,) = pair_pages(pairs, strengths, fake_audit.fake_metrics(60, strengths), np.array([3]))
    return found


def printed(shown: PairPage, full: bool = False, width: int = 80, **options: Any) -> tuple[str, Printed]:
    console = Console(file=io.StringIO(), width=width, **options)
    left = print_page(shown, console, full)
    return console.file.getvalue(), left  # type: ignore[attr-defined]


def test_numbers_reasons_and_texts_of_one_pair(fake_audit: ModuleType) -> None:
    found = page(fake_audit, "Tea is best.", "Sand is best.")
    text, left = printed(found)
    for words in ("row 3", f"p_wrong {probability(found.grounds.p_wrong)}", " ± ", "coding", "why", "[red]best[/red]?"):
        assert words in text
    assert text.index("chosen\n") < text.index("Tea") < text.index("rejected\n") < text.index("Sand")
    assert not left.is_cut


def test_what_differs_stands_in_marks_or_in_colour(fake_audit: ModuleType) -> None:
    found = page(fake_audit, "The best drink is tea with milk.", "The best drink is sand with milk.")
    text, left = printed(found)
    assert "is {+tea+} with" in text and "is [-sand-] with" in text and left.has_marks
    coloured, left = printed(found, force_terminal=True, color_system="standard")
    assert "{+" not in coloured and "\x1b[1;32mtea" in coloured and not left.has_marks


def test_marks_that_would_hide_the_text_are_left_out(fake_audit: ModuleType) -> None:
    text, left = printed(page(fake_audit, "one two three four", "one two six seven eight nine ten"))
    assert "[-" not in text
    assert left.has_marks == ("{+" in text)


@pytest.mark.parametrize(("width", "beside"), [(80, False), (140, True)])
def test_wide_terminals_have_both_beside_each_other(fake_audit: ModuleType, width: int, beside: bool) -> None:
    text, _ = printed(page(fake_audit, "Tea is best.", "Sand, by far."), width=width)
    assert any("Tea" in line and "Sand" in line for line in text.splitlines()) == beside


def test_long_texts_are_cut_and_counted_unless_all_is_wanted(fake_audit: ModuleType) -> None:
    found = page(fake_audit, "word " * 400 + "END", "Sand.")
    text, left = printed(found)
    assert "END" not in text and "more characters]" in " ".join(text.split()) and left.is_cut
    text, left = printed(found, full=True)
    assert "END" in text and not left.is_cut


def test_many_short_lines_are_many_too() -> None:
    runs, left = cut([Run("1.\n" * 100, False)], 900)
    assert runs[0].text.count("\n") == MAX_LINES
    assert left == 300 - 3 * MAX_LINES
    assert cut([Run("1.\n" * 100, False)], None)[1] == 0


def test_a_long_common_beginning_does_not_hide_the_difference(fake_audit: ModuleType) -> None:
    same = "the same words again and " * 80
    text, left = printed(page(fake_audit, f"{same}then tea.", f"{same}then sand."))
    assert "{+tea.+}" in text and "[-sand.-]" in text and left.is_cut
    assert "characters are the same]" in " ".join(text.split())
    text, _ = printed(page(fake_audit, f"{same}then tea.", f"{same}then sand."), full=True)
    assert "are the same]" not in " ".join(text.split())


def test_earlier_turns_are_counted_or_shown(fake_audit: ModuleType) -> None:
    turns = [
        {"role": "user", "content": "FIRST"},
        {"role": "assistant", "content": "SECOND"},
        {"role": "user", "content": "LAST"},
    ]
    text, left = printed(page(fake_audit, "a b", "c d", turns))
    assert "(after 2 earlier turns) user: LAST" in text and "FIRST" not in text and left.is_cut
    text, _ = printed(page(fake_audit, "a b", "c d", turns), full=True)
    assert text.index("user: FIRST") < text.index("assistant: SECOND") < text.index("user: LAST")


def test_control_characters_of_the_data_never_reach_the_terminal(fake_audit: ModuleType) -> None:
    evil = "\x1b[2J\x07[bold]x[/bold]\u202etext\r"
    text, _ = printed(page(fake_audit, evil + " a", evil + " b", [{"role": "user", "content": evil}]))
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(text)
    assert text.count("[bold]x[/bold]") == 3


def test_a_label_that_prefers_the_rejected_response_is_said(fake_audit: ModuleType) -> None:
    text, _ = printed(page(fake_audit, "a b", "c d", target=0.2))
    assert "chosen (the label calls it the worse one)" in text and "target 0.20" in " ".join(text.split())


def test_a_page_as_a_document_has_whole_texts_and_no_nan(fake_audit: ModuleType) -> None:
    found = page(fake_audit, "word " * 4000, "Sand.").document()
    assert found["chosen"] == "word " * 4000
    assert found["p_wrong_structured"] is None
    assert found["prompt"] == PROMPT and found["reasons"]
