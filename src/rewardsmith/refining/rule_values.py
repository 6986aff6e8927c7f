"""From values of a YAML file to frozen dataclasses, by the types of their fields."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.errors import ConfigError


def build(cls: type[Any], values: Mapping[str, Any]) -> Any:
    """A dataclass from its keys; a key is the field's name, less an underscore at its end.

    ``ConfigError`` for an unknown key (it names the nearest) or a value of another type.
    """
    hints = typing.get_type_hints(cls)
    known = {field.name.rstrip("_"): field.name for field in dataclasses.fields(cls)}
    chosen = {}
    for key, value in values.items():
        if key not in known:
            words = f"known: {', '.join(known)}"
            raise ConfigError(f"unknown key {key!r}.{suggest(str(key), known) or f' It is none of those {words}.'}")
        chosen[known[key]] = _fitted(str(key), value, hints[known[key]])
    return cls(**chosen)


def plain(value: Any) -> Any:
    """A dataclass as plain values that ``build`` takes back; what stands at its default is left out."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    kept = {field.name.rstrip("_"): getattr(value, field.name) for field in dataclasses.fields(value)}
    usual = {field.name.rstrip("_"): _default(field) for field in dataclasses.fields(value)}
    return {name: plain(item) for name, item in kept.items() if item != usual[name]}


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _fitted(key: str, value: Any, hint: Any) -> Any:
    """The value with the type that the hint asks for; lists become tuples, mappings dataclasses."""
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{key} must hold keys, not {value!r}.")
        return build(typing.cast(type[Any], hint), value)
    inner, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in inner:
            return None
        return _fitted(key, value, next(kind for kind in inner if kind is not types.NoneType))
    if origin is tuple and isinstance(value, list | tuple):
        if inner[-1] is Ellipsis:
            return tuple(_fitted(key, item, inner[0]) for item in value)
        if len(value) == len(inner):
            return tuple(_fitted(key, item, kind) for item, kind in zip(value, inner, strict=True))
    if origin is Literal and value in inner:
        return value
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:
            raise ConfigError(f"{key} must be a finite number, not {value}; an open end of a range is null.")
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise ConfigError(f"{key} must be {_words(hint)}, not {value!r}.")


def _words(hint: Any) -> str:
    inner, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin is tuple:
        return f"a list of {_words(inner[0])}" if inner[-1] is Ellipsis else f"a list of {len(inner)} numbers or null"
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    return {float: "a number", bool: "true or false", str: "text", int: "a whole number"}.get(hint, str(hint))
