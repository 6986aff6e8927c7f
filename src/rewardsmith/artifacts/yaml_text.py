"""YAML that a person wrote by hand: no key twice, no aliases, which let a few lines stand for gigabytes."""

from __future__ import annotations

from typing import Any

import yaml


def parse_yaml(text: str) -> Any:
    """The value. ``ValueError`` says in one line why there is none."""
    try:
        alias = next((event for event in yaml.parse(text) if isinstance(event, yaml.AliasEvent)), None)
        if alias is not None:
            line = alias.start_mark.line + 1
            raise ValueError(f"line {line}: the alias *{alias.anchor} is not read here; write the value out")
        repeated = _repeated_key(yaml.compose(text, Loader=yaml.SafeLoader))
        if repeated is not None:
            raise ValueError(f"the key {repeated!r} stands twice in the same place")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _repeated_key(node: yaml.Node | None) -> str | None:
    """A key that stands twice in one mapping: YAML forbids it, and its parser would keep the last one."""
    children = node.value if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        keys = [str(key.value) for key, _ in node.value]
        children = [child for _, child in node.value]
        for key in keys:
            if keys.count(key) > 1:
                return key
    return next((found for child in children if (found := _repeated_key(child))), None)
