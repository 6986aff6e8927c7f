"""YAML that a person wrote by hand."""

from __future__ import annotations

import time

import pytest

from rewardsmith.artifacts.yaml_text import parse_yaml


def test_values_are_those_of_yaml() -> None:
    assert parse_yaml("a: 1\nb: [x, 2.5, null]\n") == {"a": 1, "b": ["x", 2.5, None]}
    assert parse_yaml("") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &a 1\nb: *a\n", r"line 2: the alias \*a is not read here; write the value out"),
        ("a: &a [*a]\n", r"line 1: the alias \*a"),
        ("a: 1\na: 2\n", "the key 'a' stands twice"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: " + "1" * 5000, "digits"),
        ("a: 2026-13-41", "month must be in"),
        ("a: [1", "it is not YAML: .*line 1"),
        ("a: \x1b", "it is not YAML: .*special characters"),
    ],
)
def test_what_cannot_be_read_has_its_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_yaml(text)


def test_nested_aliases_are_refused_at_once() -> None:
    lines = ["a0: &a0 [lol, lol]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))]
    start = time.monotonic()
    with pytest.raises(ValueError, match="alias"):
        parse_yaml("\n".join(lines))
    assert time.monotonic() - start < 1
