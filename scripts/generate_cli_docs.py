"""Writes docs/cli.md from the docstrings of the options; with --check, fails if it is not up to date."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rewardsmith.cli.config import CONFIG_HELP
from rewardsmith.cli.help_text import WIDEST, option_docstrings
from rewardsmith.cli.main import COMMANDS, help_of, overview

TARGET = Path(__file__).resolve().parents[1] / "docs" / "cli.md"


def reference() -> str:
    """The whole page."""
    parts = [
        "<!-- Written by scripts/generate_cli_docs.py from the options' docstrings; `make docs` writes it anew. -->",
        "# Command line",
        f"```text\n{overview(WIDEST)}\n```",
        "Names of options are the same as flags, as YAML keys and as keyword arguments of the Python functions. "
        f"`{CONFIG_HELP.split(' takes ')[0]}` takes{CONFIG_HELP.split(' takes')[1]} "
        "A switch is turned off with `--no_name`.",
    ]
    for command, config in COMMANDS.items():
        parts += [f"## rewardsmith {command}", f"```text\n{help_of(command)}\n```"]
        parts += [_table(title, config_class, names) for title, config_class, names in _groups(config)]
        parts += [f"And every option of [`rewardsmith {verb}`](#rewardsmith-{verb})." for verb in _whole_verbs(config)]
    return "\n\n".join(parts) + "\n"


def _groups(config_class: type) -> Iterator[tuple[str, type, list[str]]]:
    """The configuration's own options, then those of each part, and of its parts."""
    hints = typing.get_type_hints(config_class)
    own = [name for name, hint in hints.items() if not dataclasses.is_dataclass(hint)]
    if own:
        title = "" if config_class in COMMANDS.values() else (inspect.getdoc(config_class) or "").split("\n")[0]
        yield title, config_class, own
    for hint in hints.values():
        if dataclasses.is_dataclass(hint) and hint not in COMMANDS.values():
            yield from _groups(typing.cast(type, hint))


def _whole_verbs(config_class: type) -> list[str]:
    """Verbs whose configuration is a part of this one."""
    hints = typing.get_type_hints(config_class).values()
    return [verb for verb, config in COMMANDS.items() if config in hints]


def _table(title: str, config_class: type, names: list[str]) -> str:
    hints = typing.get_type_hints(config_class)
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    meanings = option_docstrings(config_class)
    rows = ["| option | value | default | meaning |", "|---|---|---|---|"]
    for name in names:
        meaning = meanings[name].replace("|", "\\|")
        rows.append(
            f"| `--{name.removesuffix('_')}` | {_values(hints[name])} | {_default(defaults[name])} | {meaning} |"
        )
    return "\n".join(([f"**{title}**", ""] if title else []) + rows)


def _values(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(hint))
    kinds = [kind for kind in typing.get_args(hint) or (hint,) if kind is not type(None)]
    words = {str: "text", int: "integer", float: "number", bool: "switch"}
    return " or ".join(words[kind] for kind in kinds)


def _default(value: Any) -> str:
    if value is None or value == "":
        return ""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f"`{value}`"


def main() -> int:
    """Writes or checks the page; gives the exit status."""
    text = reference()
    if "--check" in sys.argv[1:]:
        if TARGET.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TARGET.name} is not up to date: run `make docs`.", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
