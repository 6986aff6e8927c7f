from __future__ import annotations

import re
from pathlib import Path

import pytest

from rewardsmith.report.glossary import AUDIT_TERMS, TermLinks, Terms
from rewardsmith.report.iterate.terms import ITERATE_TERMS


def test_the_glossary_of_the_documents_says_the_same_of_every_term(repository: Path) -> None:
    page = (repository / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in page.splitlines() if line.startswith("| ")]
    meanings = {name.strip(): meaning for words, meaning in rows for name in (words, *words.split(","))}
    for term in (*AUDIT_TERMS, *ITERATE_TERMS):
        assert term.name in meanings, term.name
        assert meanings[term.name].startswith(term.meaning), term.name


def test_each_term_is_linked_once_where_it_first_stands() -> None:
    linked = TermLinks(AUDIT_TERMS)
    first, second = linked("Planted flips and AUROC"), linked("AUROC of planted flips, precision")
    assert first.count('href="#term-planted-flip"') == first.count('href="#term-auroc"') == 1
    assert 'title="how often a flipped label ranks above another' in first
    assert 'href="#term-auroc"' not in second and 'href="#term-precision"' in second


def test_text_stays_as_it_is_but_for_markup_which_is_escaped() -> None:
    html = TermLinks(AUDIT_TERMS)("<b>held-out</b> & in-sample; use `max_length` 96, not a--b")
    assert re.sub(r"</?(a|code)[^>]*>", "", html) == (
        "&lt;b&gt;held-out&lt;/b&gt; &amp; in-sample; use --max_length 96, not a--b"
    )
    assert html.count("<a ") == 2 and "<code>--max_length</code>" in html


def test_a_word_inside_another_is_no_term() -> None:
    assert "<a " not in TermLinks(AUDIT_TERMS)("strongest, judgement, recalled")


@pytest.mark.parametrize("terms", [AUDIT_TERMS, ITERATE_TERMS])
def test_anchors_are_distinct(terms: Terms) -> None:
    anchors = [term.anchor for term in terms]
    assert len(set(anchors)) == len(anchors)
    assert all(re.fullmatch(r"term-[a-z_-]+", anchor) for anchor in anchors)
