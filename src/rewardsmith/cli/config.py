"""From words on the command line and a YAML file to a frozen configuration. Flags win over the file.

The classes in the packages' ``options.py`` are flat here: ``--max_length`` sets ``model.max_length``. tyro parses and
writes the help; what it reports in a box is told in one line instead.
"""

from __future__ import annotations

import io
import types
import typing
from collections.abc import Collection, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import tyro
import yaml

from rewardsmith.artifacts.config.flat_config import (
    at_home,
    build_config,
    changed_options,
    flatten,
    leaf_types,
    refuse_negative_seeds,
    suggest,
)
from rewardsmith.artifacts.config.yaml_text import parse_yaml
from rewardsmith.cli.help_text import filled, option_docstrings, room
from rewardsmith.errors import ConfigError
from rewardsmith.policy.options import SETTINGS

Config = TypeVar("Config")

LONE_WORDS = {"dataset_name": "the data set", "audit_dir": "the audit", "files": "the list of files"}
"""Options that need no flag, and what they are called."""
SEVERAL = ("test", "files")
"""Options that may come again: their values are joined by commas, as they may be written from the start."""
CONFIG_HELP = (
    "--config FILE.yaml takes options from a file (flat, named like the flags); flags win over it, and of several "
    "files later ones."
)
CONFIGS, EMBEDDED = Path(__file__).parent / "configs", "embedded/"
"""What comes with the package: ``--config embedded/loop`` is ``loop.yaml``, ``embedded/rloo`` one of ``SETTINGS``."""


def parse_config(config_class: type[Config], arguments: Sequence[str], prog: str, help_text: str) -> Config:
    """The configuration that the arguments ask for. ``--help`` prints and leaves with ``SystemExit(0)``.

    A word on its own is the data set, the audit or one of the files, by what the verb reads. Everything wrong is a
    ``ConfigError`` of one line.
    """
    known = leaf_types(config_class)
    words = _sort_words(arguments, known, prog)
    values: dict[str, Any] = {}
    for name in words.config_files:
        found = _read_config(name)
        build_config(config_class, found, where=name)
        values |= found
    defaults = build_config(config_class, values)
    flags = words.flags
    if words.alone:
        flags = [f"--{lone_word(known)}={','.join(map(at_home, words.alone))}", *flags]
    if {"-h", "--help"} & set(flags):  # here, since tyro would undo the line breaks
        print(filled(f"{help_text}\n\n{CONFIG_HELP}", room()), end="\n\n")
    config = _parse_flags(config_class, flags, defaults, prog)
    refuse_negative_seeds(config)
    return config


def config_to_yaml(config: Any) -> str:
    """The resolved configuration as a file that ``--config`` takes back."""
    flat = {name: value for name, value in flatten(config).items() if name != "dry_run"}
    readable = all(str(value).isprintable() for value in flat.values())  # else escapes, which a terminal does not obey
    return str(yaml.safe_dump(flat, sort_keys=False, allow_unicode=readable, width=120))


def lone_word(known: Collection[str]) -> str | None:
    """The option that a word on its own sets."""
    return next((name for name in LONE_WORDS if name in known), None)


@dataclass
class _Words:
    flags: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)
    """Words without a flag."""
    config_files: list[str] = field(default_factory=list)

    def take(self, name: str, value: str) -> None:
        """A flag with its value; of one that comes again the last value counts, but for ``SEVERAL``."""
        earlier = next((flag for flag in self.flags if flag.startswith(f"--{name}=")), None)
        if name in SEVERAL and earlier is not None:
            self.flags[self.flags.index(earlier)] = f"{earlier},{value}"
        else:
            self.flags.append(f"--{name}={value}")


def _sort_words(arguments: Sequence[str], known: dict[str, Any], prog: str) -> _Words:
    """Tells flags with their values, the data set's name and ``--config`` apart; refuses flags that nobody knows."""
    words = _Words()
    rest = list(arguments)
    lone = lone_word(known)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            words.flags.append(word)
        elif word.startswith("-"):
            _take_flag(word, rest, words, known, prog)
        elif lone is None:
            raise ConfigError(f"{word!r} is not expected here: options begin with two dashes. See {prog} --help.")
        elif words.alone and lone not in SEVERAL:
            raise ConfigError(f"{word!r} is not expected here: {LONE_WORDS[lone]} is {words.alone[0]!r} already.")
        else:
            words.alone.append(word)
    if lone and words.alone and any(flag.startswith(f"--{lone}=") for flag in words.flags):
        raise ConfigError(f"{LONE_WORDS[lone].capitalize()} is named twice: {words.alone[0]!r} and --{lone}.")
    return words


def _take_flag(word: str, rest: list[str], words: _Words, known: dict[str, Any], prog: str) -> None:
    """Moves one flag, and its value from the rest where it takes one, to the words."""
    name, has_value, value = word.removeprefix("--").partition("=")
    name = name.replace("-", "_")
    if name != "config" and name.removeprefix("no_") not in known:
        near = suggest(name, [*known, "config", "help"], "--")
        raise ConfigError(f"unknown option {word.partition('=')[0]}.{near} See {prog} --help.")
    if bool in (known.get(name), known.get(name.removeprefix("no_"))):
        if has_value:
            raise ConfigError(f"--{name} takes no value: write --{name}, or --no_{name} for the opposite.")
        words.flags.append(f"--{name}")
        return
    if name not in (*known, "config"):
        raise ConfigError(f"unknown option --{name}: only a switch can be turned off. See {prog} --help.")
    if not has_value:
        if not rest or rest[0].startswith("--"):
            raise ConfigError(f"--{name} needs a value. See {prog} --help.")
        value = rest.pop(0)
    _refuse_no_number(name, value, known.get(name))
    if name == "config":
        words.config_files.append(at_home(value))
    else:
        words.take(name, at_home(value))


def _refuse_no_number(name: str, value: str, kind: Any) -> None:
    """Raises ``ConfigError`` for a word where an option takes a number alone, or none."""
    kinds = set(typing.get_args(kind) or (kind,)) - {types.NoneType}
    number = next((number for number in (int, float) if kinds == {number}), None)
    if number is None or value == "None":
        return
    try:
        number(value)
    except ValueError:
        words = "a whole number" if number is int else "a number"
        raise ConfigError(f"--{name} {value!r} must be {words}.") from None


def _read_config(name: str) -> dict[str, Any]:
    if not name.startswith(EMBEDDED):
        return _read_yaml(name, Path(name))
    known = {f"{EMBEDDED}{file.stem}": file for file in sorted(CONFIGS.glob("*.yaml"))}
    if name in known:
        return _read_yaml(name, known[name])
    settings = {f"{EMBEDDED}{setting}": options for setting, options in SETTINGS.items()}
    if name not in settings:
        raise ConfigError(f"--config {name} does not come with the package.{suggest(name, [*known, *settings])}")
    return changed_options(settings[name])


def _read_yaml(path: str, file: Path) -> dict[str, Any]:
    try:
        values = parse_yaml(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--config {path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"--config {path} must hold lines of the form `option: value`.")
    return {str(name): value for name, value in values.items()}


def _parse_flags(config_class: type[Config], flags: list[str], defaults: Config, prog: str) -> Config:
    complaint = io.StringIO()
    try:
        with redirect_stderr(complaint):
            return tyro.cli(
                config_class,
                args=flags,
                default=defaults,
                prog=prog,
                description="",
                use_underscores=True,
                config=(tyro.conf.OmitArgPrefixes,),
                registry=_registry(),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise ConfigError(f"{_in_one_line(complaint.getvalue())} See {prog} --help.") from None


def _in_one_line(box: str) -> str:
    """The message inside the box that tyro draws, with lines or dashes: what stands below its title, up to a rule."""
    lines = [line.strip("│| ") for line in box.splitlines()]
    body: list[str] = []
    for line in lines[1:]:
        if line and not set(line) - set("-─╰╯"):
            if body:
                break
        elif line:
            body.append(line)
    return " ".join(body)


def _registry() -> tyro.constructors.ConstructorRegistry:
    """Shows an optional value as its own type (`INT`), not as `{None}|INT`, and what options mean as one paragraph."""
    registry = tyro.constructors.ConstructorRegistry()

    @registry.struct_rule
    def options(info: tyro.constructors.StructTypeInfo) -> tyro.constructors.StructConstructorSpec | None:
        if not is_dataclass(info.type):
            return None
        meanings = option_docstrings(info.type)
        fields = (
            tyro.constructors.StructFieldSpec(name, kind, getattr(info.default, name), meanings.get(name))
            for name, kind in typing.get_type_hints(info.type, include_extras=True).items()
        )
        return tyro.constructors.StructConstructorSpec(info.type, tuple(fields))

    @registry.primitive_rule
    def optional(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
        if info.type_origin not in (types.UnionType, typing.Union):
            return None
        inner = [option for option in typing.get_args(info.type) if option is not types.NoneType]
        if len(inner) != 1 or inner[0] not in (str, int, float):
            return None
        kind = inner[0]
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar=kind.__name__.upper(),
            instance_from_str=lambda words: None if words[0] == "None" else kind(words[0]),
            is_instance=lambda value: value is None or isinstance(value, kind),
            str_from_instance=lambda value: [str(value)],
        )

    return registry
