"""YAML that a person wrote by hand."""

from __future__ import annotations

import time

import pytest
import yaml

from rewardsmith.artifacts.config.yaml_text import _repeated_key, parse_yaml


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


@pytest.mark.parametrize(
    ("text", "words"),
    [("[" * 20_000, "line 1: it is nested too deeply"), ("{a: " * 5_000, "line 1: it is nested too deeply")],
)
def test_deep_nesting_is_refused_before_the_whole_of_it_is_read(text: str, words: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match=words):
        parse_yaml(text)
    assert time.process_time() - started < 1


def test_repeated_keys_among_many_are_found_in_linear_time() -> None:
    many = yaml.MappingNode(
        "map", [(yaml.ScalarNode("str", f"k{n}"), yaml.ScalarNode("int", "1")) for n in range(50_000)]
    )
    started = time.process_time()
    assert _repeated_key(many) is None
    assert time.process_time() - started < 1
