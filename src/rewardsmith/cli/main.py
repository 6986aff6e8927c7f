"""The command ``rewardsmith``: finds the verb, its configuration, and turns errors into one line and an exit status.

Exit status: 0 done, 1 failed at run time, 2 the input was wrong, 130 interrupted.
"""

from __future__ import annotations

import importlib
import inspect
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from rewardsmith.artifacts.config.flat_config import flatten, suggest
from rewardsmith.artifacts.terminal.plain_text import escaped
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.cli.config import config_to_yaml, parse_config
from rewardsmith.cli.help_text import entry, filled, room
from rewardsmith.cli.output import Result, show_result, speaking_in_flags, talks
from rewardsmith.errors import ConfigError, RewardsmithError
from rewardsmith.preferences.sources.set_names import refuse_missing
from rewardsmith.version import __version__
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.options.cache import CacheConfig
from rewardsmith.workflows.options.doctor import DoctorConfig
from rewardsmith.workflows.options.evaluate import EvaluateConfig
from rewardsmith.workflows.options.export import ExportConfig
from rewardsmith.workflows.options.imitate import ImitateConfig
from rewardsmith.workflows.options.iterate import IterateConfig
from rewardsmith.workflows.options.judge import JudgeConfig
from rewardsmith.workflows.options.refine import RefineConfig
from rewardsmith.workflows.options.sample import SampleConfig
from rewardsmith.workflows.options.score import ScoreConfig
from rewardsmith.workflows.options.show import ShowConfig
from rewardsmith.workflows.options.simulate import SimulateConfig
from rewardsmith.workflows.options.study_arms import StudyArmsConfig
from rewardsmith.workflows.options.study_noise import StudyNoiseConfig
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.options.undo import UndoConfig
from rewardsmith.workflows.options.west_of_n import WestOfNConfig

COMMANDS: dict[str, type] = {
    "audit": AuditConfig,
    "show": ShowConfig,
    "refine": RefineConfig,
    "undo": UndoConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "sample": SampleConfig,
    "score": ScoreConfig,
    "west-of-n": WestOfNConfig,
    "iterate": IterateConfig,
    "imitate": ImitateConfig,
    "judge": JudgeConfig,
    "export": ExportConfig,
    "study noise": StudyNoiseConfig,
    "study arms": StudyArmsConfig,
    "simulate": SimulateConfig,
    "doctor": DoctorConfig,
    "cache": CacheConfig,
}
"""Each command and its configuration, whose docstring is its help. ``workflows/study_noise.py`` runs `study noise`."""
FAMILIES = {
    "study": """Controlled experiments on your own data: which repair of labels helps, which settings of training.

usage: rewardsmith study STUDY [data set] [options]"""
}
"""Verbs of several commands."""
LIGHT = ("show", "refine", "undo", "export", "simulate", "cache")
"""Commands that load nothing which takes long."""
WITHOUT_DATA = ("doctor",)
"""Commands that may be given no data set."""
VERBS = tuple(dict.fromkeys(command.split()[0] for command in COMMANDS))

_INTRODUCTION = """\
rewardsmith turns human preferences into a reward model you can trust.

usage: rewardsmith VERB [options]
"""

_LESSON = """\
Begin here:
  rewardsmith audit embedded/dialogues   # comes with the package; no network
  rewardsmith audit prefs.jsonl          # your own pairs: JSONL, Parquet or CSV

  rewardsmith VERB --help      # the options of a verb
  rewardsmith VERB --dry_run   # the options as they would be used, as YAML
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


def help_of(command: str) -> str:
    """What a command, or a verb of several, is for."""
    return FAMILIES.get(command) or inspect.getdoc(COMMANDS[command]) or ""


def overview(width: int) -> str:
    """What ``rewardsmith --help`` prints."""
    return "\n".join([_INTRODUCTION, *_lines({verb: verb for verb in VERBS}, width), "", filled(_LESSON, width)])


def _overview_of(family: str, seconds: list[str], width: int) -> str:
    """What ``rewardsmith study --help`` prints: the commands of a verb that has several."""
    lines = _lines({second: f"{family} {second}" for second in seconds}, width)
    more = f"rewardsmith {family} {seconds[0]} --help      # the options"
    return "\n".join([filled(help_of(family), width), "", *lines, "", more])


def _lines(commands: dict[str, str], width: int) -> list[str]:
    return [entry(word, help_of(command).splitlines()[0], width) for word, command in commands.items()]


def _show_what_the_terminal_can() -> None:
    """Makes letters that the output's encoding lacks a question mark instead of an error (Windows, LANG=C)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _run_verb(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview(room()))
        return 0
    if words[0] == "--version":
        print(f"rewardsmith {__version__}")
        return 0
    verb, *rest = words
    if verb not in VERBS:
        raise ConfigError(f"unknown verb {verb!r}.{suggest(verb, VERBS)} Verbs: {', '.join(VERBS)}.")
    if verb in FAMILIES:
        seconds = [command.removeprefix(f"{verb} ") for command in COMMANDS if command.startswith(f"{verb} ")]
        if not rest or rest[0] in ("-h", "--help", "help"):
            print(_overview_of(verb, seconds, room()))
            return 0
        second, *rest = rest
        if second not in seconds:
            raise ConfigError(f"unknown {verb} {second!r}.{suggest(second, seconds)} There is: {', '.join(seconds)}.")
        verb = f"{verb} {second}"
    with speaking_in_flags(COMMANDS[verb]):
        try:
            config: Any = parse_config(COMMANDS[verb], rest, prog=f"rewardsmith {verb}", help_text=help_of(verb))
        except SystemExit:  # --help has been printed
            return 0
        options = flatten(config)
        if options.get("dry_run"):
            print(config_to_yaml(config), end="")
            return 0
        return show_result(_run(verb, config, options), config)


def _run(verb: str, config: Any, options: dict[str, Any]) -> Result:
    """Looks first for what is wrong without loading anything, and shows a sign of life before that takes seconds."""
    if "dataset_name" in options and (options["dataset_name"] or verb not in WITHOUT_DATA):
        refuse_missing(options["dataset_name"])
    if verb not in LIGHT and talks() and not options.get("quiet"):
        say(f"rewardsmith {verb}: loading PyTorch and other libraries takes some seconds.")
    name = verb.replace(" ", "_").replace("-", "_")
    workflow = importlib.import_module(f"rewardsmith.workflows.{name}")
    result: Result = getattr(workflow, f"run_{name}")(config)
    return result


def _complain(message: str, exit_code: int) -> int:
    if os.environ.get("REWARDSMITH_TRACEBACK"):
        traceback.print_exc()
    print(f"rewardsmith: {escaped(' '.join(message.split()))}", file=sys.stderr)
    return exit_code
