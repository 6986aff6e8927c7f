"""``rewardsmith west-of-n``: preferences out of samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import rewardsmith
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.cli.main import main
from rewardsmith.engine.scoring import open_scorer as scorers
from rewardsmith.errors import ConfigError, DataError, OutputError, RunError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from stub_scorer import StubScorer

SAMPLES = [
    {
        "prompt": f"Question {i}?",
        "responses": ["a" * (i + 1), "b" * (i + 4), "c" * (i + 2)],
        "gold": [0.0, 1.0 if i else -1.0, 0.5],
        "logprob": [-1.0 - i, -2.0, -3.0],
    }
    for i in range(4)
]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], float]], str]:
    """Makes a reward model of a function of a response's text."""
    folder = tmp_path / "model"
    folder.mkdir()

    def made(reward: Callable[[str], float]) -> str:
        own = scorers.ScorerKind(lambda name: name == str(folder), lambda *_: StubScorer(reward))
        monkeypatch.setattr(scorers, "SCORER_KINDS", (own, *scorers.SCORER_KINDS))
        return str(folder)

    return made


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def text(row: dict[str, Any], side: str) -> str:
    return str(row[side][0]["content"])


def test_the_best_of_each_prompt_stands_above_the_worst(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    done = rewardsmith.west_of_n(
        SAMPLES, reward_model_path=model(lambda text: 0.5 * len(text)), output_file=path, quiet=True
    )
    rows = sorted(rows_of(path), key=lambda row: row["prompt"][0]["content"])
    assert [(text(row, "chosen"), text(row, "rejected")) for row in rows] == [
        ("b" * (i + 4), "a" * (i + 1)) for i in range(4)
    ]
    assert {row["source"] for row in rows} == {"west_of_n"} and {row["strength_mean"] for row in rows} == {1.5}
    found = done.metrics
    assert (found["num_made"], found["num_prompts"], found["num_responses"]) == (4, 4, 12)
    assert found["longer_share"] == 1 and found["num_gold_pairs"] == 4 and found["gold_accuracy"]["value"] == 0.75
    assert len(load_preferences(str(path), DataOptions(dataset_name=str(path))).table) == 4


def test_fewer_responses_are_looked_at_and_fewer_pairs_kept(model: Any, tmp_path: Path) -> None:
    options = {"num_responses": 2, "keep_confident": 0.5, "keep_likely": 0.5, "quiet": True}
    scale = {f"{letter}": i for i, letter in enumerate("acb")}
    name = model(lambda text: float(scale[text[0]] * len(text)))
    done = rewardsmith.west_of_n(SAMPLES, reward_model_path=name, output_file=tmp_path / "pairs.jsonl", **options)
    (row,) = rows_of(tmp_path / "pairs.jsonl")
    assert row["prompt"][0]["content"] == "Question 2?", "of the two surest pairs, 2 and 3, the likelier one"
    assert row["meta"]["num_responses"] == 2
    assert (done.metrics["num_unsure"], done.metrics["num_unlikely"], done.metrics["num_made"]) == (2, 1, 1)


def test_pairs_of_people_are_all_written_and_bound_those_that_are_made(model: Any, tmp_path: Path) -> None:
    people = [{"prompt": f"p{i}", "chosen": "yes", "rejected": "no", "target": t} for i, t in enumerate((1, 0, 0.8))]
    write_jsonl(tmp_path / "people.jsonl", people)
    done = rewardsmith.west_of_n(
        SAMPLES,
        reward_model_path=model(len),
        human_dataset_name=str(tmp_path / "people.jsonl"),
        synthetic_per_human=0.7,
        output_file=tmp_path / "pairs.jsonl",
        quiet=True,
    )
    rows = rows_of(tmp_path / "pairs.jsonl")
    assert (done.metrics["num_made"], done.metrics["num_human"], done.metrics["num_beyond_ratio"]) == (2, 3, 2)
    human = {row["prompt"][0]["content"]: row for row in rows if row.get("source") != "west_of_n"}
    assert len(rows) == 5 and text(human["p1"], "chosen") == "no" and human["p2"]["target"] == 0.8


def test_what_is_not_known_is_said(model: Any, tmp_path: Path) -> None:
    rows = [{name: row[name] for name in ("prompt", "responses")} for row in SAMPLES]
    done = rewardsmith.west_of_n(rows, reward_model_path=model(len), output_file=tmp_path / "pairs.jsonl", quiet=True)
    console = Console(width=120, file=StringIO())
    done.print(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "How many are right cannot be told: the samples have no gold." in said
    assert "The chosen response is the longer one in 100%." in said
    with pytest.raises(DataError, match=r"4 of 4 rows of .* have no `logprob`"):
        rewardsmith.west_of_n(
            rows, reward_model_path=model(len), keep_likely=0.5, output_file=tmp_path / "other.jsonl", quiet=True
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep_confident": 0.0}, "--keep_confident 0.0 must be a share over 0 and up to 1"),
        ({"keep_likely": 1.5}, "--keep_likely 1.5"),
        ({"num_responses": 1}, "--num_responses 1 must be at least 2"),
        ({"synthetic_per_human": 0.0}, "--synthetic_per_human 0.0 must be over 0"),
        ({"output_file": "pairs.txt"}, r"must end with \.jsonl"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(model: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        rewardsmith.west_of_n(SAMPLES, reward_model_path=model(len), quiet=True, **options)


def test_nothing_is_written_where_no_pair_can_be_made(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    with pytest.raises(DataError, match="no prompt has two responses of different text and reward"):
        rewardsmith.west_of_n(SAMPLES, reward_model_path=model(lambda _: 1.0), output_file=path, quiet=True)
    with pytest.raises(RunError, match="12 of 12 rewards are not finite numbers"):
        rewardsmith.west_of_n(SAMPLES, reward_model_path=model(lambda _: float("nan")), output_file=path, quiet=True)
    assert not path.exists()


def test_no_file_is_replaced_unasked_and_none_that_is_read(model: Any, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    write_jsonl(samples, SAMPLES)
    with pytest.raises(OutputError, match="--overwrite"):
        rewardsmith.west_of_n(str(samples), reward_model_path=model(len), output_file=samples, quiet=True)
    with pytest.raises(ConfigError, match="is read from there and would be replaced"):
        rewardsmith.west_of_n(
            str(samples), reward_model_path=model(len), output_file=samples, overwrite=True, quiet=True
        )


def test_the_command_ends_with_json(
    model: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "samples.jsonl", [*SAMPLES, {"prompt": "alone", "responses": ["one"]}])
    assert main(["west-of-n", "samples.jsonl", "--reward_model_path", model(len), "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["num_made"], found["num_quarantined"], found["path"]) == (4, 1, "runs/west-of-n-samples.jsonl")
    assert len(rows_of(Path("runs/west-of-n-samples.quarantine.jsonl"))) == 1
