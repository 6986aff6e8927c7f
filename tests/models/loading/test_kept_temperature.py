"""The temperature that a model's folder carries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rewardsmith.artifacts.runs.manifest import require_fingerprint
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.loading.kept_temperature import (
    TemperatureFit,
    folder_for_temperature,
    keep_temperature,
    read_temperature,
)

FIT = TemperatureFit("sha256:these", "heldout", 120, 1.5, None)


def test_what_is_kept_is_read_back_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "rewardsmith.json").write_text('{"max_length": 64, "temperature": 9.0}')
    keep_temperature(tmp_path, 1.75, FIT)
    assert read_temperature(str(tmp_path), "sha256:these") == 1.75
    content = json.loads((tmp_path / "rewardsmith.json").read_text())
    assert content["max_length"] == 64 and content["temperature_fit"]["dataset"] == "heldout"


def test_a_folder_without_the_file_gets_one(tmp_path: Path) -> None:
    assert read_temperature(str(tmp_path), "sha256:these") is None
    keep_temperature(tmp_path, 2.0, FIT)
    assert read_temperature(str(tmp_path), "sha256:these") == 2.0


def test_a_temperature_for_other_rewards_is_said_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_temperature(tmp_path, 2.0, FIT)
    assert read_temperature(str(tmp_path), "sha256:others") is None
    assert "carries a temperature for other rewards" in capsys.readouterr().err


def test_a_temperature_set_by_hand_holds_for_any_rewards(tmp_path: Path) -> None:
    (tmp_path / "rewardsmith.json").write_text('{"temperature": 3}')
    assert read_temperature(str(tmp_path), "sha256:any") == 3.0


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "true", '"2"'])
def test_what_is_no_temperature_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "rewardsmith.json").write_text(f'{{"temperature": {value}}}')
    with pytest.raises(ModelError, match="not a number above 0"):
        read_temperature(str(tmp_path), "sha256:any")


def test_the_run_that_made_the_folder_still_vouches_for_it(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path / "rm", "train", {}, {})
    (folder.path / "rewardsmith.json").write_text("{}")
    folder.finish()
    keep_temperature(folder.path, 2.0, FIT)
    require_fingerprint(folder.path, "rewardsmith.json", folder.path / "rewardsmith.json")


def test_there_must_be_a_folder_to_keep_it_in(tmp_path: Path) -> None:
    assert folder_for_temperature(str(tmp_path)) == tmp_path
    with pytest.raises(ConfigError, match="several models have none in common"):
        folder_for_temperature("rm1,rm2")
    with pytest.raises(ConfigError, match="owner/name is no folder here: download the model first"):
        folder_for_temperature("owner/name")
    assert read_temperature("rm1,rm2", "sha256:any") is None
