"""The command ``rewardsmith``: finds the verb, its configuration, and turns errors into one line and an exit status.

Exit status: 0 done, 1 failed at run time, 2 the input was wrong, 130 interrupted.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from rewardsmith.artifacts.flat_config import flatten, suggest
from rewardsmith.cli.config import config_to_yaml, parse_config
from rewardsmith.cli.flag_names import speaking_in_flags
from rewardsmith.errors import ConfigError, RewardsmithError
from rewardsmith.version import __version__

# A new verb is one file in this folder and one word here.
VERBS = ("audit", "refine", "undo", "train", "evaluate", "score", "export", "study", "simulate", "doctor", "cache")

_INTRODUCTION = """\
rewardsmith turns human preferences into a reward model you can trust.

usage: rewardsmith VERB [options]
"""

_LESSON = """\
Begin here:
  rewardsmith audit --dataset_name embedded/dialogues   # a set that comes with the package; no network needed
  rewardsmith audit prefs.jsonl                         # your own pairs: JSONL, JSON, Parquet or CSV

  rewardsmith VERB --help      # the options of a verb
  rewardsmith VERB --dry_run   # the options as they would be used, as YAML for --config
  rewardsmith --version

Results go to stdout, progress to stderr. Exit status: 0 done, 1 failed, 2 the input was wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _show_what_the_terminal_can()
    try:
        status = _run_verb(words)
        sys.stdout.flush()
    except RewardsmithError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        print("rewardsmith: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return _complain(f"{message} (unexpected; REWARDSMITH_TRACEBACK=1 shows where)", exit_code=1)
    return status


def verb_module(verb: str) -> ModuleType:
    """The file of a command: its ``CONFIG`` class, ``HELP`` text and ``run`` function.

    A verb of several commands has ``SECOND_WORDS`` and ``HELP`` instead; its commands are called ``study noise``.
    """
    return importlib.import_module(f"rewardsmith.cli.{verb.replace(' ', '_')}")


def command_names() -> list[str]:
    """Every command that can run, those of two words included."""
    words = [(verb, getattr(verb_module(verb), "SECOND_WORDS", ())) for verb in VERBS]
    return [name for verb, seconds in words for name in ([f"{verb} {second}" for second in seconds] or [verb])]


def overview() -> str:
    """What ``rewardsmith --help`` prints."""
    lines = [f"  {verb:<10} {verb_module(verb).HELP.splitlines()[0]}" for verb in VERBS]
    return "\n".join([_INTRODUCTION, *lines, "", _LESSON])


def overview_of(verb: str) -> str:
    """What ``rewardsmith study --help`` prints: the commands of a verb that has several."""
    module = verb_module(verb)
    lines = [f"  {second:<10} {verb_module(f'{verb} {second}').HELP.splitlines()[0]}" for second in module.SECOND_WORDS]
    more = f"rewardsmith {verb} {module.SECOND_WORDS[0]} --help      # the options"
    return "\n".join([module.HELP, "", *lines, "", more])


def _show_what_the_terminal_can() -> None:
    """Makes letters that the output's encoding lacks a question mark instead of an error (Windows, LANG=C)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run_verb(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"rewardsmith {__version__}")
        return 0
    verb, *rest = words
    if verb not in VERBS:
        raise ConfigError(f"unknown verb {verb!r}.{suggest(verb, VERBS)} Verbs: {', '.join(VERBS)}.")
    module = verb_module(verb)
    if seconds := getattr(module, "SECOND_WORDS", ()):
        if not rest or rest[0] in ("-h", "--help", "help"):
            print(overview_of(verb))
            return 0
        second, *rest = rest
        if second not in seconds:
            raise ConfigError(f"unknown {verb} {second!r}.{suggest(second, seconds)} There is: {', '.join(seconds)}.")
        verb = f"{verb} {second}"
        module = verb_module(verb)
    with speaking_in_flags(module.CONFIG):
        try:
            config = parse_config(module.CONFIG, rest, prog=f"rewardsmith {verb}", help_text=module.HELP)
        except SystemExit:  # --help has been printed
            return 0
        if flatten(config).get("dry_run"):
            print(config_to_yaml(config), end="")
            return 0
        status: int = module.run(config)
        return status


def _complain(message: str, exit_code: int) -> int:
    if os.environ.get("REWARDSMITH_TRACEBACK"):
        traceback.print_exc()
    print(f"rewardsmith: {' '.join(message.split())}", file=sys.stderr)
    return exit_code
