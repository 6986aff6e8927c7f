"""Every feature on texts whose counts can be seen."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import regex
from markdown_it import MarkdownIt

from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.leanings import features
from rewardsmith.strength.leanings.features import FEATURES, response_features

NAMES = [feature.name for feature in FEATURES]


def pairs_of(*texts: tuple[Any, str, str]) -> Any:
    rows = [{"prompt": prompt, "chosen": chosen, "rejected": rejected} for prompt, chosen, rejected in texts]
    return load_preferences(rows, DataOptions(near_duplicates="off"), 0).table


def features_of(text: str, prompt: Any = "Why?") -> dict[str, float]:
    """Those that are not 0."""
    values = response_features(pairs_of((prompt, text, "\N{MIDDLE DOT}")))[0, 0]
    return {name: float(value) for name, value in zip(NAMES, values, strict=True) if value}


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("characters", "naïve 日本", 8),
        ("words", "It's 3.5 km, state-of-the-art naïve cafés.", 6),
        ("words", "日本語、です。", 2),
        ("sentences", "One. Two! 'Three?' Four… (Five.) 3.5 e.g", 5),
        ("sentences", "一つ。二つ。", 2),
        ("list items", "- one\n* two\n  + three\n12. four\n5) five\n\N{BULLET} six\n-7\n1.5 is no item", 6),
        ("headings", "# A\n### B\n#no heading\n####### too deep", 2),
        ("bold passages", "**bold** and __bold__, not ** this ** nor 2**3", 2),
        ("code passages", "`a` and ```\nx = 1\n``` and ``` open", 3),
        ("numbers", "In 2024, 1,000.5 of 7 (A4 is none)", 3),
        ("links", "https://a.org/x?y=1, HTTP://b.org and www.c.org but not c.org", 3),
        ("questions", "What?? Why? なに？", 3),
        ("exclamations", "Wow!!! Yes!", 2),
        ("emoji", "\U0001f600 \U0001f44d\U0001f3fd \U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f #1", 5),
        (
            "refusals",
            "I can't help with that. As an AI language model I’m not able to really advise. I can't see it.",
            3,
        ),
        ("hedges", "Perhaps it might work; I think it possibly does, maybe. Mighty Mayor.", 5),
        ("apologies", "Sorry! I apologise, my apologies.", 3),
        ("polite phrases", "Please, thank you. You’re welcome, happy to help!", 4),
        ("first-person words", "I told me that my own MINE is, myself. It is i-th.", 6),
        ("other scripts", "ab да", 0.5),
        ("repetition", "a b c a b c", 0.25),
        ("repetition", "so so so so", 0.5),
        ("repetition", "two words", 0),
    ],
)
def test_a_feature_counts_what_it_says(name: str, text: str, number: float) -> None:
    assert features_of(text).get(name, 0.0) == pytest.approx(number)


def test_nothing_but_code_is_counted_inside_of_fenced_code() -> None:
    found = features_of("```py\n# Sorry?\n- 5 https://a.org!\n```")
    assert found == {"characters": 37, "code passages": 1}


def test_markdown_is_counted_as_a_parser_counts_it() -> None:
    text = "# A\n\n1. one **bold**\n2. two `code`\n   - three\n\n## B __c__\n\n```py\n# no\n- no\n```\n\n* `x`, `y`\n"
    blocks = MarkdownIt().parse(text)
    parts = [*blocks, *(child for block in blocks for child in block.children or ())]
    kinds = {
        "list items": ("list_item_open",),
        "headings": ("heading_open",),
        "bold passages": ("strong_open",),
        "code passages": ("fence", "code_inline"),
    }
    found = features_of(text)
    assert {name: found[name] for name in kinds} == {
        name: sum(part.type in types for part in parts) for name, types in kinds.items()
    }


def test_overlap_is_with_the_last_turn_of_the_prompt() -> None:
    turns = [{"role": "user", "content": "apples"}, {"role": "assistant", "content": "Yes."}]
    prompt = [*turns, {"role": "user", "content": "And PEARS, or plums?"}]
    assert features_of("pears and apples or figs", prompt)["overlap with the prompt"] == pytest.approx(3 / 5)
    assert "overlap with the prompt" not in features_of("...", prompt)


def test_each_response_has_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [("a b", "a b c. " * n, "a? " * (n + 1)) for n in range(1, 8)]
    whole = response_features(pairs_of(*texts))
    monkeypatch.setattr(features, "_BLOCK", 3)
    assert np.array_equal(response_features(pairs_of(*texts)), whole)
    assert whole[0, :, NAMES.index("sentences")].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert whole[1, :, NAMES.index("questions")].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert whole[1, :, NAMES.index("overlap with the prompt")].tolist() == [1.0] * 7


def test_no_pairs_have_no_features() -> None:
    assert response_features(pairs_of(("a", "b", "c")).slice(0, 0)).shape == (2, 0, len(FEATURES))


def test_whatever_unicode_shows_as_a_picture_is_one_emoji() -> None:
    shown = regex.findall(r"\p{Emoji_Presentation}", "".join(map(chr, range(sys.maxunicode))))
    single = [c for c in shown if not "\U0001f1e6" <= c <= "\U0001f1ff"]  # letters of flags come in twos
    assert len(single) > 1000
    found = response_features(pairs_of(*(("?", f"a {c} b", "c") for c in single)))[0, :, NAMES.index("emoji")]
    assert [c for c, number in zip(single, found, strict=True) if number != 1] == []
