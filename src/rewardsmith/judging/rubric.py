"""Rubrics: what a chat model is told to go by, as a YAML file says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.artifacts.config.named_yaml import named_yaml
from rewardsmith.artifacts.config.yaml_text import parse_yaml
from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.errors import ConfigError

KEYS = ("name", "description", "orders", "instructions")
ORDERS = ("both", "random")


@dataclass(frozen=True)
class Rubric:
    """Instructions that stand before the conversation and the two responses."""

    name: str
    instructions: str
    orders: Literal["both", "random"] = "both"
    description: str = ""

    @property
    def fingerprint(self) -> str:
        """``sha256:...`` of what the judge is told, and in which orders."""
        return fingerprint_json([self.instructions, self.orders])


def load_rubric(name_or_path: str) -> Rubric:
    """A rubric that comes with the package, or one from a YAML file. ``ConfigError`` says what is wrong with it."""
    unknown = f"`rubric` {name_or_path!r} is unknown"
    return read_rubric(named_yaml(name_or_path, _shipped(), unknown, "`rubric`"), name_or_path)


def read_rubric(text: str, where: str) -> Rubric:
    """A rubric from its YAML. ``where`` names it in every message."""
    try:
        values: Any = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"rubric {where} cannot be read: {error}.") from error
    if not isinstance(values, Mapping):
        raise ConfigError(f"rubric {where} must hold keys: {', '.join(KEYS)}.")
    for key, value in values.items():
        if key not in KEYS:
            raise ConfigError(f"rubric {where}: unknown key {key!r}.{suggest(str(key), KEYS)}")
        if not isinstance(value, str):
            raise ConfigError(f"rubric {where}: `{key}` must be text, not {value!r}.")
    if not values.get("instructions", "").strip():
        raise ConfigError(f"rubric {where} has no `instructions`: what the judge is to go by.")
    orders = values.get("orders", "both")
    if orders not in ORDERS:
        raise ConfigError(f"rubric {where}: `orders` is {orders!r}; it is both or random.")
    name = values.get("name") or Path(where).stem
    return Rubric(name, values["instructions"].strip(), orders, values.get("description", "").strip())


def _shipped() -> dict[str, str]:
    """Name -> text of the rubrics in the package."""
    files = (resources.files("rewardsmith.judging") / "rubrics").iterdir()
    return {Path(file.name).stem: file.read_text(encoding="utf-8") for file in files if file.name.endswith(".yaml")}
