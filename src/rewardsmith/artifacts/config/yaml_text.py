"""YAML that a person wrote by hand: no key twice, no deep nesting, no aliases (a few lines stand for gigabytes)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

DEEPEST = 100
"""Levels of nesting that are read: the parser's time grows with their square."""


def parse_yaml(text: str) -> Any:
    """The value. ``ValueError`` says in one line why there is none."""
    try:
        _refuse_bombs(text)
        repeated = _repeated_key(yaml.compose(text, Loader=yaml.SafeLoader))
        if repeated is not None:
            raise ValueError(f"the key {repeated!r} stands twice in the same place")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {' '.join(str(error).split())}") from error


def _refuse_bombs(text: str) -> None:
    """Raises ``ValueError`` at the first event that could cost far more than its place in the text."""
    depth = 0
    for event in yaml.parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"line {line}: the alias *{event.anchor} is not read here; write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"line {line}: it is nested too deeply, over {DEEPEST} levels")


def _repeated_key(node: yaml.Node | None) -> str | None:
    """A key that stands twice in one mapping: YAML forbids it, and its parser would keep the last one."""
    children = node.value if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        children = [child for _, child in node.value]
        counts = Counter(str(key.value) for key, _ in node.value)
        repeated = next((key for key, count in counts.items() if count > 1), None)
        if repeated is not None:
            return repeated
    return next((found for child in children if (found := _repeated_key(child))), None)
