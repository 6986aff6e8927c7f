"""YAML that is asked for by a name, if it comes with the package, or by the path of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rewardsmith.artifacts.config.flat_config import suggest
from rewardsmith.errors import ConfigError


def named_yaml(name_or_path: str, shipped: Mapping[str, str], unknown: str, kind: str) -> str:
    """The text. ``shipped``: name -> text of what comes with the package.

    ``ConfigError`` in the words ``unknown`` for what is neither, and for a file of this ``kind`` that cannot be read.
    """
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(
            f"{unknown}.{suggest(name_or_path, shipped)} It is one of {', '.join(sorted(shipped))}, or a file that "
            "ends with .yaml."
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{kind} {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
