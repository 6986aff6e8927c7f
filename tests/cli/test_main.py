"""The command as a shell sees it: what is printed where, and the exit status."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from rewardsmith import __version__
from rewardsmith.cli.main import COMMANDS, LIGHT, VERBS, main
from rewardsmith.errors import DataError, RunError
from rewardsmith.workflows import audit
from rewardsmith.workflows.options.audit import AuditConfig

DIALOGUES = "embedded/dialogues"
NOT_NEEDED_FOR_HELP = {"torch", "transformers", "pandas", "datasets", "pyarrow", "sklearn", "scipy", "numpy"}


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in for the workflow of `audit`; set ``run`` to what it should do."""
    stand_in = SimpleNamespace(run=lambda config: pytest.fail("must not run"))
    monkeypatch.setattr(audit, "run_audit", lambda config: stand_in.run(config))
    return stand_in


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rewardsmith", *arguments], capture_output=True, text=True, **options)


def test_help_names_every_verb_and_where_to_begin() -> None:
    run = command("--help")
    assert run.returncode == 0
    for name in VERBS:
        assert f"\n  {name} " in run.stdout
    assert "rewardsmith audit prefs.jsonl" in run.stdout
    assert command().stdout == run.stdout


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["", "study", *COMMANDS])
def test_help_is_wrapped_to_the_terminal(
    command: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main([*command.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    start = next((place for place, line in enumerate(lines) if line.startswith("usage: ")), 0)
    for line, below in itertools.pairwise(lines):
        assert line.endswith(" \\") == below.startswith("      --")  # a command that goes on
    if command in COMMANDS:
        for line, below in itertools.pairwise(lines[start + 1 :]):
            words, first = line.strip("│ "), below.strip("│ ").split(" ")[0]
            if words and not words.startswith(("-", "─")) and not words.endswith((".", ")", ":", "options")):
                assert len(line.rstrip("│ ")) + len(f" {first} │") > width, (line, below)  # it has no room above


def test_a_verb_of_several_commands_lists_them() -> None:
    run = command("study", "--help")
    assert run.returncode == 0
    assert "\n  noise " in run.stdout
    assert command("study").stdout == run.stdout
    assert "--kinds" in command("study", "noise", "--help").stdout


def test_an_unknown_study_gets_the_nearest_one() -> None:
    run = command("study", "noies")
    assert run.returncode == 2
    assert run.stderr == "rewardsmith: unknown study 'noies'. Did you mean noise? There is: noise, arms.\n"


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="each verb answers in a fork of a process that has imported the command"
)
def test_help_is_quick_and_loads_nothing_heavy() -> None:
    script = """
import os, sys, time
from rewardsmith.cli.main import VERBS, main
begun = time.process_time()
for words in ([], *([name] for name in VERBS)):
    if not os.fork():
        status = main([*words, "--help"])
        print(status, begun + time.process_time(), *sys.modules, file=sys.stderr, flush=True)
        os._exit(0)
    os.wait()
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    answers = [line.split(" ") for line in run.stderr.splitlines()]
    assert len(answers) == 1 + len(VERBS)
    for status, cpu_s, *modules in answers:  # processor time, unlike the clock, does not depend on what else runs
        assert status == "0" and float(cpu_s) < 1.0
        assert NOT_NEEDED_FOR_HELP & {name.split(".")[0] for name in modules} == set()


def test_a_sign_of_life_comes_before_what_takes_seconds_to_load() -> None:
    script = """
import importlib, sys
from rewardsmith.cli.main import COMMANDS, LIGHT, main
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers"):
            raise ImportError("too slow")
sys.meta_path.insert(0, Slow())
for verb in COMMANDS:
    if verb in LIGHT:
        importlib.import_module(f"rewardsmith.workflows.{verb}")
    else:
        main([*verb.split(), *sys.argv[1:]])
"""
    run = subprocess.run([sys.executable, "-c", script, DIALOGUES], capture_output=True, text=True, check=True)
    lines = run.stderr.splitlines()
    assert len(set(COMMANDS) - set(LIGHT)) == 12
    for verb in set(COMMANDS) - set(LIGHT):
        assert f"rewardsmith {verb}: loading PyTorch and other libraries takes some seconds." in lines
    assert "too slow" in run.stderr


@pytest.mark.parametrize("name", ["", "typo.jsonl", "./nowhere"])
def test_a_set_that_is_nowhere_is_told_before_anything_is_loaded(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", f"--dataset_name={name}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"rewardsmith: {name} does not exist." if name else "rewardsmith: No data set: name a file")
    assert told.count("\n") == 1


def test_letters_that_the_output_lacks_become_question_marks() -> None:
    run = command("größe", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert run.returncode == 2
    assert "unknown verb 'gr??e'" in run.stderr


def test_version() -> None:
    assert command("--version").stdout == f"rewardsmith {__version__}\n"


def test_an_unknown_verb_gets_the_nearest_one() -> None:
    run = command("adit")
    assert run.returncode == 2
    assert run.stderr.startswith("rewardsmith: unknown verb 'adit'. Did you mean audit?")
    assert run.stderr.count("\n") == 1


def test_dry_run_prints_the_configuration_and_does_nothing(verb: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "p.jsonl", "--dry_run"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["dataset_name"] == "p.jsonl"


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (DataError("p.jsonl line 17:\n  empty"), 2, "rewardsmith: p.jsonl line 17: empty\n"),
        (DataError("lower `max_pairs`"), 2, "rewardsmith: lower --max_pairs\n"),
        (RunError("disk full"), 1, "rewardsmith: disk full\n"),
        (KeyboardInterrupt(), 130, "rewardsmith: interrupted.\n"),
        (ZeroDivisionError("oops"), 1, "rewardsmith: ZeroDivisionError: oops (unexpected; "),
    ],
)
def test_an_error_is_one_line_on_stderr_and_a_status(
    verb: Any, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, told: str
) -> None:
    def run(config: AuditConfig) -> int:
        raise error

    verb.run = run
    assert main(["audit", DIALOGUES]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    _, complaint = captured.err.splitlines(keepends=True)
    assert complaint.startswith(told)


def test_a_traceback_is_there_for_those_who_ask(
    verb: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(config: AuditConfig) -> int:
        raise RunError("disk full")

    verb.run = run
    monkeypatch.setenv("REWARDSMITH_TRACEBACK", "1")
    assert main(["audit", DIALOGUES]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "rewardsmith", "audit", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert told == b""
