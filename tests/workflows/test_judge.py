"""``rewardsmith judge``: files of responses compared by each kind of judge, to a folder with every ruling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from chat_server import Reply, chat_server
from judge_server import always, by_schema
from rewardsmith.cli.main import main
from rewardsmith.contracts.judge import ResponsePair, Ruling
from rewardsmith.errors import ConfigError, DataError, OutputError
from rewardsmith.models import chat_endpoint
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.workflows.judge import JudgeResult, run_judge
from rewardsmith.workflows.options.judge import JudgeConfig

NUM = 24
BETTER, WORSE = "good good", "good but long and bad"


@pytest.fixture(autouse=True)
def _own_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(chat_endpoint.time, "sleep", lambda _: None)
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))


class StubJudge:
    """Counts how often a response says "good"; may be interrupted, and may not answer."""

    def __init__(self, fingerprint: str = "stub", interrupted_after: int | None = None, silent: bool = False) -> None:
        self.fingerprint, self.interrupted_after, self.silent = fingerprint, interrupted_after, silent
        self.num_judged = self.num_calls = 0

    def judge(self, pairs: Sequence[ResponsePair]) -> list[Ruling]:
        if self.num_calls == self.interrupted_after:
            raise KeyboardInterrupt
        self.num_calls += 1
        self.num_judged += len(pairs)
        if self.silent:
            return [Ruling(None, "nobody there", problem="no_answer") for _ in pairs]
        gaps = [pair.first["content"].count("good") - pair.second["content"].count("good") for pair in pairs]
        return [Ruling("win" if gap > 0 else "lose" if gap < 0 else "tie", f"{gap}") for gap in gaps]

    def close(self) -> None:
        pass


def rows(text: str, number: int = NUM, every: int = 4) -> list[dict[str, Any]]:
    """Samples of which every few are of the other kind."""
    other = {BETTER: WORSE, WORSE: BETTER}[text]
    return [{"prompt": f"Question {n}", "responses": [other if n % every == 0 else text]} for n in range(number)]


FILES = {"old": rows(WORSE, every=100), "new": rows(BETTER)}


def write(path: Path, found: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return str(path)


def lines(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / "judged.jsonl").read_text().splitlines()]


def judged(output: Path, files: Any = FILES, judge: Any = None, **options: Any) -> JudgeResult:
    options = {"output_dir": str(output), "quiet": True, **options}
    found = rewardsmith.judge(files, StubJudge() if judge is None else judge, **options)
    assert isinstance(found, JudgeResult)
    return found


def test_every_ruling_and_the_numbers_of_them(tmp_path: Path) -> None:
    result = judged(tmp_path / "out")
    [contest] = result.metrics["contests"]
    assert (contest["first"], contest["second"], contest["num_pairs"]) == ("old", "new", NUM)
    assert (contest["num_wins"], contest["num_ties"], contest["num_losses"]) == (1, 5, 18)
    assert contest["win_rate"]["value"] == 3.5 / NUM and contest["verdict"] == "worse"
    found = lines(result.path)
    assert len(found) == NUM and found[1]["outcome"] == "lose" and found[1]["reason"] == "-1"
    assert (found[1]["response_first"], found[1]["response_second"]) == (WORSE, BETTER)
    assert found[1]["prompt"] == [{"role": "user", "content": "Question 1"}]
    assert repr(result).endswith("old against new 0.146)")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("judged.jsonl", "manifest.json", "metrics.json")
    ]


def test_a_chat_model_judges_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / f"{name}.jsonl", found) for name, found in FILES.items()]
    command = ["judge", *files, "--judge_model", "m", "--output_dir", str(tmp_path / "out"), "--json"]
    with chat_server(by_schema) as server:
        options = ["--base_url", server.url, "--input_price", "2", "--output_price", "8"]
        assert main([*command, *options, "--forecast"]) == 0
        forecast = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert not server.asked and not (tmp_path / "out").exists()
        assert main([*command, *options]) == 0
    said = capsys.readouterr().out
    summary = json.loads(said.splitlines()[-1])
    assert forecast["num_requests"] == len(server.asked) == summary["spent"]["num_requests"] == 2 * 19
    assert summary["spent"]["cost"] == pytest.approx(38 * (100 * 2 + 10 * 8) / 1e6)
    assert summary["position"]["consistent"] == 1 and summary["orders"] == "both" and summary["rubric"] == "helpful"
    assert "old    new           1/5/18" in said and "38 answers paid and 0 kept ones used" in said
    assert "worse" in said and "5 pairs have equal responses" in said


def test_a_biased_judge_is_seen_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / f"{name}.jsonl", found) for name, found in FILES.items()]
    with chat_server(always("A")) as server:
        options = ["--judge_model", "m", "--base_url", server.url, "--output_dir", str(tmp_path / "out")]
        assert main(["judge", *files, *options]) == 0
    assert "100.0%" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["position"]["num_first_both_times"] == 19 and metrics["position"]["first_rate"]["value"] == 1
    assert metrics["contests"][0]["num_ties"] == NUM


def test_a_killed_run_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    whole = judged(tmp_path / "whole", window=5)
    with pytest.raises(KeyboardInterrupt):
        judged(tmp_path / "out", judge=StubJudge(interrupted_after=2), window=5)
    assert not (tmp_path / "out" / "judged.jsonl").exists()
    judge = StubJudge()
    result = judged(tmp_path / "out", judge=judge, window=5)
    assert judge.num_judged == NUM - 10 and result.metrics["num_pairs_resumed"] == 10
    assert (tmp_path / "out" / "judged.jsonl").read_bytes() == (Path(whole.path) / "judged.jsonl").read_bytes()
    with pytest.raises(OutputError, match="finished judge"):
        judged(tmp_path / "out")


def test_what_had_no_answer_is_asked_again_by_a_run_that_goes_on(tmp_path: Path) -> None:
    class Silent(StubJudge):
        def judge(self, pairs: Sequence[ResponsePair]) -> list[Ruling]:
            self.silent = self.num_calls == 0
            return super().judge(pairs)

    with pytest.raises(KeyboardInterrupt):
        judged(tmp_path / "out", judge=Silent(interrupted_after=2), window=10)
    judge = StubJudge()
    result = judged(tmp_path / "out", judge=judge, window=10)
    assert judge.num_judged == NUM - 10 and not result.metrics["contests"][0]["not_judged_by_problem"]


def test_an_endpoint_in_the_middle_of_a_run_goes_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / f"{name}.jsonl", found) for name, found in FILES.items()]
    answered: list[dict[str, Any]] = []

    def reply(body: dict[str, Any]) -> Reply:
        if len(answered) >= 20:
            return 503, "down"
        answered.append(body)
        return by_schema(body)

    with chat_server(reply) as server:
        options = ["--judge_model", "m", "--base_url", server.url, "--max_retries", "0", "--window", "8"]
        command = ["judge", *files, *options, "--output_dir", str(tmp_path / "out")]
        assert main(command) == 1
        assert "the same command goes on" in capsys.readouterr().err
        server.reply = by_schema
        num_asked = len(server.asked)
        assert main([*command, "--max_concurrent_requests", "2"]) == 0
    assert len(server.asked) - num_asked == 38 - len(answered)


def test_a_reward_model_judges_and_labels_are_its_truth(tiny_llama: Path, tmp_path: Path) -> None:
    source, model = resolve_model(str(tiny_llama)), str(tmp_path / "rm")
    tokenizer = load_tokenizer(source)
    save_reward_model(new_reward_model(source, tokenizer, 0), tokenizer, tmp_path / "rm", {"max_length": 128})
    truth = [{"prompt": f"Q{n}", "chosen": f"a good answer {n}", "rejected": f"no {n}"} for n in range(20)]
    files = {**FILES, "third": rows(WORSE, 30)}
    options = {"reward_model_path": model, "device": "cpu", "judge_truth": write(tmp_path / "t.jsonl", truth)}
    found = rewardsmith.judge(files, output_dir=str(tmp_path / "out"), quiet=True, max_truth_pairs=12, **options)
    assert isinstance(found, JudgeResult)
    m = found.metrics
    assert (m["kind"], m["tie_band"], m["position"], m["spent"]) == ("reward_model", 0.0, None, None)
    assert [(c["first"], c["second"]) for c in m["contests"]] == [("old", "new"), ("old", "third"), ("new", "third")]
    assert [file["num_prompts"] for file in m["files"]] == [24, 24, 30]
    [of_labels] = m["truth"]
    assert (of_labels["truth"], of_labels["num_pairs"], of_labels["num_judged"]) == ("labels", 12, 12)
    labelled = [line for line in lines(found.path) if line["first"] == "chosen"]
    assert len(labelled) == 12 and {"pair_id", "row", "target"} <= labelled[0].keys()
    assert labelled[0]["response_first"] == f"a good answer {labelled[0]['row']}"
    right = sum(line["outcome"] == "win" for line in labelled)
    assert of_labels["accuracy_ties_half"]["value"] == pytest.approx(right / 12)


def test_gold_in_the_files_is_truth_too(tmp_path: Path) -> None:
    old = [{**row, "gold": [float(n % 3 == 0)]} for n, row in enumerate(FILES["old"])]
    new = [{**row, "gold": [0.5]} for row in FILES["new"]]
    result = judged(tmp_path / "out", {"old": old, "new": new})
    [of_gold] = result.metrics["truth"]
    assert of_gold["truth"] == "gold" and of_gold["num_pairs"] == NUM
    outcomes = [line["outcome"] for line in lines(result.path)]
    right = sum(outcome == ("lose" if n % 3 else "win") for n, outcome in enumerate(outcomes))
    assert of_gold["accuracy_ties_half"]["value"] == pytest.approx((right + 5 / 2) / NUM)
    [contest] = result.metrics["contests"]
    assert contest["gold_win_rate"] is not None and contest["gold_win_rate"]["value"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_the_gold_of_a_world_judges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [write(tmp_path / f"{name}.jsonl", found[:4]) for name, found in FILES.items()]
    assert main(["judge", *files, "--gold_world", "lexicon", "--output_dir", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["kind"] == "gold"


def test_only_the_truth_can_be_judged(tmp_path: Path) -> None:
    truth = write(tmp_path / "t.jsonl", [{"prompt": f"Q{n}", "chosen": "good", "rejected": "bad"} for n in range(12)])
    result = judged(tmp_path / "out", [], judge_truth=truth)
    assert result.metrics["contests"] == result.metrics["files"] == []
    assert result.metrics["truth"][0]["accuracy"]["value"] == 1 and "12 labelled pairs" in repr(result)


def test_bad_rows_are_kept_beside_the_rulings(tmp_path: Path) -> None:
    files = {"old": [*FILES["old"], {"prompt": "x", "responses": [1]}], "new": FILES["new"]}
    result = judged(tmp_path / "out", files)
    assert result.metrics["files"][0]["num_bad_rows"] == 1
    [bad] = (tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()
    assert json.loads(bad)["row"] == NUM


def test_a_judge_that_judges_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="judged none of 24 pairs. The first: nobody there"):
        judged(tmp_path / "out", judge=StubJudge(silent=True))
    assert [path.name for path in (tmp_path / "out").iterdir()] in ([], [".lock"])


def test_what_cannot_be_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    for options, words in (
        ({"files": "a.jsonl"}, "at least two files"),
        ({}, "nothing to judge"),
    ):
        with pytest.raises(ConfigError, match=words):
            run_judge(JudgeConfig(**options), judge=StubJudge())
    with pytest.raises(ConfigError, match="one judge is needed.*there is none"):
        rewardsmith.judge(FILES)
    with pytest.raises(ConfigError, match="there is `reward_model_path` and `gold_world`"):
        rewardsmith.judge(FILES, reward_model_path="rm", gold_world="lexicon")
    with pytest.raises(ConfigError, match="`forecast` is for a judge behind `base_url`"):
        judged(tmp_path / "out", forecast=True)
    with pytest.raises(ConfigError, match="--window 0"):
        judged(tmp_path / "out", window=0)
    with pytest.raises(DataError, match="share no prompt"):
        judged(tmp_path / "out", {"a": [{"prompt": "a", "response": "x"}], "b": [{"prompt": "b", "response": "x"}]})
    assert not (tmp_path / "out").exists()


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    paths = [write(tmp_path / "a" / "s.jsonl", FILES["old"]), write(tmp_path / "b" / "s.jsonl", FILES["new"])]
    result = judged(tmp_path / "out", paths)
    assert [file["name"] for file in result.metrics["files"]] == paths
    again = judged(tmp_path / "again", [FILES["old"], FILES["new"]])
    assert [file["name"] for file in again.metrics["files"]] == ["rows 1", "rows 2"]
