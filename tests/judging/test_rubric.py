"""Rubrics come with the package or from a file, and a file at fault is named with its fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rewardsmith.errors import ConfigError
from rewardsmith.judging.options import ChatJudgeOptions
from rewardsmith.judging.rubric import Rubric, load_rubric, read_rubric

SHIPPED = ("helpful", "harmless", "summary", "paper")


@pytest.mark.parametrize("name", SHIPPED)
def test_those_of_the_package_say_what_counts_and_what_does_not(name: str, repository: Path) -> None:
    rubric = load_rubric(name)
    assert rubric.name == name and rubric.orders == ("random" if name == "paper" else "both")
    assert re.search("longer|how\\s+long", rubric.instructions) and re.search("[Tt]ie", rubric.instructions)
    assert f"`{name}`" in (repository / "src/rewardsmith/judging/options.py").read_text()
    assert ChatJudgeOptions().rubric in SHIPPED


def test_one_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "rhymes.yaml").write_text("orders: random\ninstructions: |\n  Prefer what rhymes.\n")
    rubric = load_rubric(str(tmp_path / "rhymes.yaml"))
    assert rubric == Rubric("rhymes", "Prefer what rhymes.", "random")
    assert rubric.fingerprint != Rubric("rhymes", "Prefer what rhymes.").fingerprint
    assert rubric.fingerprint == Rubric("other name", "Prefer what rhymes.", "random", "d").fingerprint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("instructoins: x", "unknown key 'instructoins'. Did you mean instructions"),
        ("name: x", "has no `instructions`"),
        ("instructions: [a]", "must be text"),
        ("instructions: x\norders: twice", "`orders` is 'twice'"),
        ("- x", "must hold keys"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_file_at_fault_says_so(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        read_rubric(text, "mine.yaml")


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_rubric(str(tmp_path / "none.yaml"))
