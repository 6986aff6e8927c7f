"""Recipes: rules one after the other, as a YAML file names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.artifacts.config.named_yaml import named_yaml
from rewardsmith.artifacts.config.yaml_text import parse_yaml
from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.errors import ConfigError, DataError, InputError
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.rule_values import build, plain
from rewardsmith.refining.rules.rule import Change, Rule, goes_by
from rewardsmith.refining.rules.table import RULES
from rewardsmith.refining.supervision import Supervision

KEYS = ("name", "description", "rules")
SMALLEST_WEIGHT, LARGEST = 1e-30, 1e30


@dataclass(frozen=True)
class Recipe:
    """Rules in the order in which they are applied."""

    name: str
    description: str
    rules: tuple[Rule, ...]

    @property
    def labels(self) -> list[str]:
        """A label for each rule: its name, with its number where several bear it."""
        names = [rule.name for rule in self.rules]
        return [f"{name} {number}" if names.count(name) > 1 else name for number, name in enumerate(names, 1)]

    @property
    def reads(self) -> frozenset[Reads]:
        """All that its rules go by."""
        return frozenset().union(*map(goes_by, self.rules))

    @property
    def reads_structured(self) -> bool:
        """Whether a rule asks for what the structured audit found."""
        return Reads.STRUCTURED in self.reads

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as in its file; what stands at its default is left out."""
        rules = [{"rule": rule.name, **plain(rule)} for rule in self.rules]
        return {"name": self.name, "description": self.description, "rules": rules}

    def to_yaml(self) -> str:
        """The recipe as a file that ``load_recipe`` takes back."""
        return str(yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True, width=110))

    @cached_property
    def fingerprint(self) -> str:
        """``sha256:...`` of name, rules and parameters."""
        return fingerprint_json({key: value for key, value in self.as_dict().items() if key != "description"})


@dataclass(frozen=True)
class Refined:
    """The supervision after a recipe, and what each of its rules did."""

    recipe: Recipe
    supervision: Supervision
    changes: tuple[Change, ...]
    """One a rule, in their order."""

    def rules_of_row(self) -> list[list[str]]:
        """Labels of the rules that were for each pair, in their order."""
        names: list[list[str]] = [[] for _ in range(len(self.supervision))]
        for label, change in zip(self.recipe.labels, self.changes, strict=True):
            for index in change.selected.nonzero()[0].tolist():
                names[index].append(label)
        return names

    def reasons(self) -> list[str]:
        """What was done to each pair and which conditions it met, rule by rule; empty where none was for it."""
        reasons: list[list[str]] = [[] for _ in range(len(self.supervision))]
        for rule, change in zip(self.recipe.rules, self.changes, strict=True):
            where = f" ({rule.where.words()})" if rule.where.words() else ""
            for index in change.selected.nonzero()[0].tolist():
                reasons[index].append(change.reason(index) + where)
        return ["; ".join(words) for words in reasons]


def apply_recipe(recipe: Recipe, evidence: Evidence, given: Supervision) -> Refined:
    """Applies the rules in turn. Each sees the evidence as given and the supervision as the rules before it left it.

    ``InputError`` where a rule needs what the evidence does not have; it names the rule.
    """
    now, changes = given, []
    for number, rule in enumerate(recipe.rules, 1):
        try:
            change = rule.apply(evidence, now)
            _check_numbers(change.supervision)
        except InputError as error:
            raise type(error)(f"recipe {recipe.name}, rule {number} ({rule.name}): {error}") from error
        changes.append(change)
        now = change.supervision
    return Refined(recipe, now, tuple(changes))


def _check_numbers(made: Supervision) -> None:
    """``DataError`` for what the 32-bit numbers of a table make infinite, and for weights that they make 0."""
    too_large = ~(np.maximum(np.abs(made.margin), made.weight) <= LARGEST)
    beyond = too_large | ((made.weight > 0) & (made.weight < SMALLEST_WEIGHT))
    if beyond.any():
        pair = int(beyond.argmax())
        raise DataError(
            f"pair {pair} (from 0) gets weight {made.weight[pair]:g} and margin {made.margin[pair]:g}. Margins go up "
            f"to {LARGEST:g} in size; weights are 0, or from {SMALLEST_WEIGHT:g} to {LARGEST:g}."
        )


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(_shipped())


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe by its name, or from a YAML file. ``ConfigError`` names the rule and the key at fault."""
    unknown = f"no recipe is called {name_or_path!r}"
    return read_recipe(named_yaml(name_or_path, _shipped(), unknown, "recipe"), name_or_path)


def read_recipe(text: str, where: str) -> Recipe:
    """A recipe from its YAML. ``where`` begins every message."""
    try:
        values = parse_yaml(text)
    except ValueError as error:  # YAML's own dates and numbers can be impossible ones
        raise ConfigError(f"recipe {where} cannot be read: {error}.") from error
    if not isinstance(values, Mapping) or not isinstance(values.get("rules"), list):
        raise ConfigError(f"recipe {where} must hold a list of rules under `rules:`.")
    for key in values:
        if key not in KEYS:
            raise ConfigError(f"recipe {where}: unknown key {key!r}.{suggest(str(key), KEYS)}")
    for key in ("name", "description"):
        if not isinstance(values.get(key), str | None):
            raise ConfigError(f"recipe {where}: `{key}` must be text, not {values[key]!r}.")
    rules = tuple(_rule(entry, f"recipe {where}, rule {number}") for number, entry in enumerate(values["rules"], 1))
    return Recipe(str(values.get("name") or Path(where).stem), str(values.get("description") or "").strip(), rules)


def _rule(entry: Any, where: str) -> Rule:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("rule"), str):
        raise ConfigError(f"{where} must name itself: `rule: one of {', '.join(RULES)}`.")
    name = entry["rule"]
    if name not in RULES:
        raise ConfigError(f"{where}: no rule is called {name!r}.{suggest(name, RULES)} Rules: {', '.join(RULES)}.")
    try:
        rule: Rule = build(RULES[name], {key: value for key, value in entry.items() if key != "rule"})
    except ConfigError as error:
        raise ConfigError(f"{where} ({name}): {error}") from error
    return rule


@cache
def _shipped() -> Mapping[str, str]:
    """Name -> text of the recipes in the package."""
    files = (file for file in (resources.files("rewardsmith.refining") / "recipes").iterdir())
    texts = [file.read_text(encoding="utf-8") for file in files if file.name.endswith(".yaml")]
    return {yaml.safe_load(text)["name"]: text for text in texts}
