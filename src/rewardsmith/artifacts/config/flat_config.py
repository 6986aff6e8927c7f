"""Between nested option classes and the flat names that users write: flags, YAML keys, keyword arguments."""

from __future__ import annotations

import dataclasses
import difflib
import os
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from rewardsmith.errors import ConfigError

Config = TypeVar("Config")


def leaf_types(config_class: type) -> dict[str, Any]:
    """Every option of a configuration, flat, with its type; in the order of declaration."""
    hints = typing.get_type_hints(config_class)
    leaves: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):
        hint = hints[field.name]
        found = leaf_types(typing.cast(type, hint)) if dataclasses.is_dataclass(hint) else {option_name(field): hint}
        if twice := leaves.keys() & found.keys():
            raise TypeError(f"{config_class.__name__} has two options of one name: {', '.join(sorted(twice))}")
        leaves |= found
    return leaves


def flatten(config: Any) -> dict[str, Any]:
    """A configuration as a flat dictionary of plain values."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        flat |= flatten(value) if dataclasses.is_dataclass(value) else {option_name(field): value}
    return flat


def changed_options(config: Any) -> dict[str, Any]:
    """Those options, flat, that differ from their defaults."""
    defaults = flatten(type(config)())
    return {name: value for name, value in flatten(config).items() if value != defaults[name]}


def option_name(field: dataclasses.Field[Any]) -> str:
    """The field's name; a word of Python, which a field can only be called with a ``_`` behind it, loses that."""
    return field.name.removesuffix("_")


def build_config(config_class: type[Config], values: Mapping[str, Any], where: str = "") -> Config:
    """A configuration from flat values; what is not named keeps its default.

    ``ConfigError`` for an unknown name (it names the nearest) or a value of the wrong type. ``where`` begins the
    message, such as the file that the values come from.
    """
    known = leaf_types(config_class)
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"{_prefix(where)}unknown option {name!r}.{suggest(name, known)}")
        if not _fits(value, known[name]):
            raise ConfigError(f"{_prefix(where)}{name} must be {_words(known[name])}, not {value!r}.")
    config = _filled(config_class, values)
    refuse_negative_seeds(config)
    return config


def refuse_negative_seeds(config: Any) -> None:
    """``ConfigError`` for a seed that not every generator takes."""
    for name, value in flatten(config).items():
        if (name == "seed" or name.endswith("_seed")) and value is not None and value < 0:
            raise ConfigError(f"`{name}` {value} must be at least 0.")


def at_home(value: Any) -> Any:
    """A text that begins with ``~`` as the path that a shell would make of it; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("~"):
        return value
    return os.path.expanduser(value)  # noqa: PTH111 - that of a path fails where there is no such user


def suggest(name: str, known: Iterable[str], dashes: str = "") -> str:
    """`` Did you mean x?`` for the nearest known name, or an empty string where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean {dashes}{near[0]}?" if near else ""


def _filled(config_class: type[Config], values: Mapping[str, Any]) -> Config:
    hints = typing.get_type_hints(config_class)
    chosen: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):  # type: ignore[arg-type]  # Config is always a dataclass
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            chosen[field.name] = _filled(typing.cast(type[Any], hint), values)
        elif (name := option_name(field)) in values:
            value = at_home(values[name])
            takes_float = float in (hint, *typing.get_args(hint))
            chosen[field.name] = float(value) if takes_float and isinstance(value, int) else value
    return config_class(**chosen)


def _fits(value: Any, hint: Any) -> bool:
    if typing.get_origin(hint) is Literal:
        return value in typing.get_args(hint)
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if hint is types.NoneType:
        return value is None
    if isinstance(value, bool):  # a bool is an int to Python, but never meant as one
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(_words(option) for option in typing.get_args(hint))
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", types.NoneType: "empty"}
    return names.get(hint, str(hint))


def _prefix(where: str) -> str:
    return f"{where}: " if where else ""
