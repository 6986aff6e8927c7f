from __future__ import annotations

import shlex
from types import ModuleType
from typing import Any

import pytest

from rewardsmith.cli.config import parse_config
from rewardsmith.cli.main import COMMANDS
from rewardsmith.report.audit.words.next_steps import AskedFor, next_steps

ASKED = AskedFor("runs/my audit", {"dataset_name": "my prefs.jsonl", "prompt_key": "q"}, {"max_length": 64})
LEVELS = {
    "labels_judged": [],
    "reading_order": ["finds_few_flips", "not_identifiable"],
    "cannot_tell": ["finds_no_flips"],
}


def steps(fake_audit: ModuleType, level: str, asked: AskedFor = ASKED, **changes: dict[str, Any]) -> list[list[str]]:
    """The words of every command."""
    metrics = fake_audit.fake_metrics(200)
    metrics["claim"] = {"level": level, "doubts": LEVELS[level]}
    for part, values in changes.items():
        metrics[part] = {**metrics[part], **values}
    return [shlex.split(step["command"]) for step in next_steps(metrics, asked, keeps_members=True)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["probe", "given", "full", "forked"])
def test_the_command_line_understands_every_step(fake_audit: ModuleType, level: str, kind: str) -> None:
    ensemble = {"kind": kind, "model": None if kind == "given" else "embedded/minilm"}
    for tool, verb, *words in steps(fake_audit, level, ensemble=ensemble, data={"num_responses": 20}):
        assert tool == "rewardsmith"
        parse_config(COMMANDS[verb], words, prog=verb, help_text="")


@pytest.mark.parametrize("level", ["labels_judged", "reading_order"])
def test_the_first_step_is_to_read(fake_audit: ModuleType, level: str) -> None:
    assert steps(fake_audit, level)[0] == ["rewardsmith", "show", "runs/my audit"]


def test_an_audit_that_cannot_tell_says_what_helps_and_repairs_nothing(fake_audit: ModuleType) -> None:
    verbs = [words[1] for words in steps(fake_audit, "cannot_tell")]
    assert verbs == ["audit", "audit", "train"]
    assert "Qwen/Qwen3-0.6B" in steps(fake_audit, "cannot_tell")[0]


def test_only_where_labels_are_judged_a_rule_decides(fake_audit: ModuleType) -> None:
    assert ["rewardsmith", "refine", "--audit_dir", "runs/my audit"] in steps(fake_audit, "labels_judged")
    decided = ["rewardsmith", "refine", "--audit_dir", "runs/my audit", "--decisions", "decisions.jsonl"]
    assert [*decided, "--output_dir", "runs/my audit-decided"] in steps(fake_audit, "labels_judged")
    (refined,) = (words for words in steps(fake_audit, "reading_order") if words[1] == "refine")
    assert refined[-4:] == ["--recipe", "decisions", "--decisions", "decisions.jsonl"]
    assert not any("--noise_aware" in words for words in steps(fake_audit, "reading_order"))


def test_later_commands_read_the_same_rows_by_the_same_options(fake_audit: ModuleType) -> None:
    by_pair = next(w for w in steps(fake_audit, "labels_judged", data={"num_responses": 20}) if "--fold_by" in w)
    config = parse_config(COMMANDS["audit"], by_pair[2:], prog="", help_text="")
    assert (config.data.dataset_name, config.data.prompt_key) == ("my prefs.jsonl", "q")
    assert (config.model.max_length, config.strength.fold_by) == (64, "pair")
    assert config.run.output_dir == "runs/my audit-by-pair"
    train = parse_config(COMMANDS["train"], steps(fake_audit, "labels_judged")[-1][2:], prog="", help_text="")
    assert (train.data.dataset_name, train.data.prompt_key) == ("my prefs.jsonl", "q")


def test_odd_values_are_quoted_and_switches_written_as_such(fake_audit: ModuleType) -> None:
    odd = AskedFor("r", {"dataset_name": "--odd", "chosen_key": "-a b"}, {"structured": False, "baselines": True})
    words = steps(fake_audit, "cannot_tell", odd)[0]
    assert {"--dataset_name=--odd", "--chosen_key=-a b", "--no_structured", "--baselines"} <= set(words)


@pytest.mark.parametrize(
    ("model", "next_one"),
    [
        ("embedded/minilm", "Qwen/Qwen3-0.6B"),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-4B"),
        ("Qwen/Qwen3-4B", None),
        ("own/8b", None),
    ],
)
def test_a_stronger_judge_is_another_one(fake_audit: ModuleType, model: str, next_one: str | None) -> None:
    *others, train = steps(fake_audit, "cannot_tell", ensemble={"model": model})
    named = [word for words in others for word in words]
    assert [word for word in named if word.startswith("Qwen/")] == ([next_one] if next_one else [])
    assert train[1] == "train" and "Qwen/Qwen3-0.6B" in train  # a language model in every case


def test_scores_that_were_given_know_no_other_model(fake_audit: ModuleType) -> None:
    given = AskedFor("r", {"dataset_name": "p.jsonl"}, {"ensemble": "given"})
    assert "given" not in steps(fake_audit, "cannot_tell", given, ensemble={"kind": "given", "model": None})[0]


def test_a_sample_has_more_rows_to_offer(fake_audit: ModuleType) -> None:
    sampled = AskedFor("r", {"dataset_name": "p.jsonl", "max_pairs": 200, "seed": 3})
    words = steps(fake_audit, "cannot_tell", sampled, data={"num_rows_available": 5000})
    whole = next(command for command in words if "r-whole" in command)
    assert "--max_pairs" not in whole
    assert not any("r-whole" in command for command in steps(fake_audit, "cannot_tell", sampled))


def test_what_was_not_measured_can_be(fake_audit: ModuleType) -> None:
    doubts = {"level": "reading_order", "doubts": ["not_measured"]}
    words = steps(fake_audit, "reading_order", claim=doubts)
    assert any("--planted_rate" in command for command in words)
    assert not any("Qwen" in word for command in words if command[1] == "audit" for word in command)
    in_sample = {"level": "cannot_tell", "doubts": ["in_sample"]}
    asked = AskedFor("r", {"dataset_name": "p.jsonl"}, {"crossfit": "none"})
    found = steps(fake_audit, "cannot_tell", asked, claim=in_sample)
    assert "r-held-out" in found[0] and not any("--crossfit" in words for words in found)
