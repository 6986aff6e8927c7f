"""Results reach stdout, and what the library says of an option reaches the user of the command line as a flag."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from rich.table import Table

from rewardsmith.artifacts.terminal.progress import progress, say
from rewardsmith.cli.main import main
from rewardsmith.cli.output import show_result, speaking_in_flags, with_flags
from rewardsmith.engine.doctor.check import Check
from rewardsmith.errors import DataError
from rewardsmith.workflows import doctor
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.options.cache import CacheConfig


def test_an_option_in_backticks_becomes_a_flag() -> None:
    assert with_flags("`max_length` 12 is too short.", AuditConfig) == "--max_length 12 is too short."
    assert with_flags("Pass `no_structured`.", AuditConfig) == "Pass --no_structured."


@pytest.mark.parametrize(
    "name", ["`chosen`", "`no_max_length`", "`rewardsmith audit`", "max_length", "`max_length 12`"]
)
def test_what_is_no_option_stays_as_it_is(name: str) -> None:
    assert with_flags(f"See {name}.", AuditConfig) == f"See {name}."


def test_an_option_of_another_command_stays_a_name() -> None:
    assert with_flags("Raise `max_length`.", CacheConfig) == "Raise `max_length`."


def test_an_error_keeps_its_class_and_its_cause() -> None:
    cause = ValueError("below")
    with pytest.raises(DataError) as caught, speaking_in_flags(AuditConfig):
        raise DataError("Lower `max_pairs`.") from cause
    assert str(caught.value) == "Lower --max_pairs."
    assert caught.value.__cause__ is cause


def test_notes_are_reworded_while_a_command_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with speaking_in_flags(AuditConfig):
        say("12 pairs are cut (`max_length`).")
    say("12 pairs are cut (`max_length`).")
    assert capsys.readouterr().err == "12 pairs are cut (--max_length).\n12 pairs are cut (`max_length`).\n"


def test_findings_of_the_doctor_name_flags(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "check_environment", lambda: [Check("cut", "fail", "Raise `max_length`.")])
    assert main(["doctor"]) == 1
    assert "cut: Raise --max_length." in capsys.readouterr().out


def test_control_characters_of_data_are_shown_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2JX"
    table = Table("name")
    table.add_row(evil)

    def show(console: Any) -> None:
        console.print(evil, markup=False)
        console.print(table)

    show_result(SimpleNamespace(print=show), CacheConfig())
    with progress(f"Reading {evil}", None) as handle:
        handle.note(name=evil)
        say(f"a note on {evil}\nthat forges a line")
    assert main(["audit", f"/{evil}.jsonl"]) == 2
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err
    assert printed.out.count(r"\x1b]0;owned\x1b[2JX") + printed.out.count(r"\x1b]0;owned\x07\x1b[2JX") == 2
    assert r"owned\x07\x1b[2JX\nthat forges" in printed.err
    assert r"/\x1b]0;owned\x07\x1b[2JX.jsonl holds no preference file" in printed.err


def test_json_is_the_last_line_of_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    result = SimpleNamespace(summary=lambda: {"verdict": "gut\n🙂"}, print=lambda console: console.print("for people"))
    assert show_result(result, CacheConfig(json=True)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "for people"
    assert len(lines) == 2
    assert lines[1].isascii()
    assert json.loads(lines[1]) == {"verdict": "gut\n🙂"}
    show_result(result, CacheConfig())
    assert capsys.readouterr().out == "for people\n"
