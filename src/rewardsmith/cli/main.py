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

from rewardsmith import __version__
from rewardsmith.artifacts.flat_config import flatten, suggest
from rewardsmith.cli.config import config_to_yaml, parse_config
from rewardsmith.errors import ConfigError, RewardsmithError

# A new verb is one file in this folder and one word here.
VERBS = ("audit", "refine", "undo", "train", "evaluate", "score", "export", "simulate", "doctor", "cache")

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
    """The file of a verb: its ``CONFIG`` class, ``HELP`` text and ``run`` function."""
    return importlib.import_module(f"rewardsmith.cli.{verb}")


def overview() -> str:
    """What ``rewardsmith --help`` prints."""
    lines = [f"  {verb:<10} {verb_module(verb).HELP.splitlines()[0]}" for verb in VERBS]
    return "\n".join([_INTRODUCTION, *lines, "", _LESSON])


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
