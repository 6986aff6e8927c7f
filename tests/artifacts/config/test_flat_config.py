"""Flat names for nested options."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from rewardsmith.artifacts.config.flat_config import build_config, changed_options, flatten, leaf_types
from rewardsmith.errors import ConfigError


@dataclass(frozen=True)
class Part:
    size: int = 3
    rate: float = 0.5
    side: Literal["left", "right"] = "left"
    name: str | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Whole:
    part: Part = field(default_factory=Part)
    fast: bool = False


@dataclass(frozen=True)
class Clash:
    part: Part = field(default_factory=Part)
    size: int = 1


@dataclass(frozen=True)
class Reserved:
    class_: str | None = None
    part: Part = field(default_factory=Part)


def test_a_word_of_python_is_an_option_without_its_underscore() -> None:
    config = Reserved("x")
    assert flatten(config)["class"] == "x"
    assert next(iter(leaf_types(Reserved))) == "class"
    assert build_config(Reserved, {"class": "x"}) == config
    with pytest.raises(ConfigError, match="unknown option 'class_'. Did you mean class"):
        build_config(Reserved, {"class_": "x"})


def test_only_what_differs_from_its_default_was_changed() -> None:
    assert changed_options(Whole()) == {}
    assert changed_options(Whole(Part(size=9, name="x"))) == {"size": 9, "name": "x"}


def test_flat_and_back_is_the_same() -> None:
    config = Whole(Part(size=9, name="x"), fast=True)
    assert build_config(Whole, flatten(config)) == config
    assert list(flatten(config)) == list(leaf_types(Whole)) == ["size", "rate", "side", "name", "limit", "fast"]


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml: unknown option 'sizes'\. Did you mean size\?"):
        build_config(Whole, {"sizes": 3}, where="x.yaml")


def test_a_name_that_is_near_to_nothing_gets_no_advice() -> None:
    with pytest.raises(ConfigError, match=r"unknown option 'qqqq'\.$"):
        build_config(Whole, {"qqqq": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": "3"}, "size must be a whole number, not '3'"),
        ({"size": 3.5}, "size must be a whole number, not 3.5"),
        ({"size": True}, "size must be a whole number, not True"),
        ({"side": "up"}, "side must be one of left, right, not 'up'"),
        ({"fast": 1}, "fast must be true or false, not 1"),
        ({"name": 1}, "name must be text or empty, not 1"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_config(Whole, values)


def test_a_whole_number_does_where_a_number_is_wanted() -> None:
    part = build_config(Whole, {"rate": 1, "limit": 2}).part
    assert isinstance(part.rate, float)
    assert isinstance(part.limit, float)


def test_two_options_of_one_name_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="two options of one name: size"):
        leaf_types(Clash)
