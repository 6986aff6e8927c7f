"""The verb imitate: folder, numbers, what is read as a demonstration, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from rewardsmith.cli.main import main
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy

SMALL: dict[str, Any] = {
    "num_rounds": 2,
    "demonstrations_per_step": 4,
    "max_new_tokens": 8,
    "learning_rate": 1e-3,
    "logging_steps": 1,
    "device": "cpu",
    "quiet": True,
}
PROMPTS = ("a river", "a colour", "a day", "a word", "a tree", "a town", "a month", "a bird")


def rows(key: str = "response") -> list[dict[str, Any]]:
    return [{"prompt": prompt, key: f"It is {prompt}."} for prompt in PROMPTS]


def imitated(folder: Path, given: Any, **changes: Any) -> Any:
    return rewardsmith.imitate(
        given, model_name_or_path="embedded/tiny-chat", output_dir=folder, **{**SMALL, **changes}
    )


def test_a_policy_is_saved_with_its_numbers(tmp_path: Path) -> None:
    found = imitated(tmp_path / "run", [*rows(), {"prompt": "nothing", "response": " "}])
    metrics = found.metrics
    assert (metrics["num_rows"], metrics["num_bad_rows"], metrics["num_demonstrations"]) == (9, 1, 8)
    assert metrics["bad_rows_by_reason"] == {"empty_field": 1}
    assert (metrics["num_rounds"], metrics["num_steps"], metrics["num_epochs"]) == (2, 2, 1.0)
    assert metrics["train_own_logprob"] < 0 and metrics["train_gap_mean"] == pytest.approx(0, abs=1e-5)
    policy, _ = load_policy(resolve_model(found.path))
    assert policy.num_parameters() > 1e6
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 2 and not (tmp_path / "run" / "checkpoints").exists()
    assert "quarantine.jsonl" in json.loads((tmp_path / "run" / "manifest.json").read_text())["outputs"]


def test_of_pairs_the_chosen_response_is_imitated(tmp_path: Path) -> None:
    pairs = [{**row, "rejected": "No."} for row in rows("chosen")]
    alone = imitated(tmp_path / "alone", rows(), imitation="sft", num_rounds=5)
    chosen = imitated(tmp_path / "chosen", pairs, imitation="sft", num_rounds=5)
    assert chosen.metrics["train_loss"] == alone.metrics["train_loss"] and alone.metrics["num_rounds"] is None


def test_adapters_are_saved_on_what_they_began_from(tmp_path: Path) -> None:
    found = imitated(tmp_path / "run", rows(), use_peft=True)
    assert (Path(found.path) / "adapter_config.json").is_file()
    assert load_policy(resolve_model(found.path))[0].num_parameters() > 1e6


def test_what_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demos = tmp_path / "demos.jsonl"
    demos.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    assert main(["imitate", str(demos)]) == 2
    assert "--model_name_or_path is missing: name the policy that is to imitate" in capsys.readouterr().err
    with pytest.raises(DataError, match="no column to score; found prompt"):
        imitated(tmp_path / "run", [{"prompt": "only this"}])
    with pytest.raises(DataError, match="none of its 1 rows holds a demonstration.*the response is empty"):
        imitated(tmp_path / "run", [{"prompt": "a", "response": ""}])
    with pytest.raises(DataError, match="the response is empty.*`on_bad_row` quarantine"):
        imitated(tmp_path / "run", [*rows(), {"prompt": "a", "response": ""}], on_bad_row="error")
    with pytest.raises(ConfigError, match="`num_rounds` 3: the run has 2 steps"):
        imitated(tmp_path / "run", rows(), num_rounds=3)
    assert not list((tmp_path / "run").glob("*"))
