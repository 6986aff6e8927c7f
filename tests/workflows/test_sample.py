"""``rewardsmith sample``: every usable prompt has its responses, in order, whatever happens on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from chat_server import chat_server
from rewardsmith.artifacts.options import FileRunOptions
from rewardsmith.cli.main import main
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.sampler import Answers, Sample
from rewardsmith.errors import ConfigError, DataError, ModelError, OutputError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions, PromptOptions, RowOptions
from rewardsmith.preferences.rows.messages import assistant
from rewardsmith.preferences.unlabelled.samples import load_samples
from rewardsmith.sampling.options import LocalSamplingOptions, SamplingOptions
from rewardsmith.workflows import sample as workflow
from rewardsmith.workflows.options.sample import SampleConfig
from rewardsmith.workflows.sample import run_sample
from tiny_writers import save_tiny_writer

ROWS = [{"prompt": f"What is {number}?"} for number in range(7)]


class StubSampler:
    """Answers with the words of the prompt and a number; refuses some prompts; may be interrupted."""

    on_policy = True
    fingerprint = "stub"

    def __init__(self, refused: str | None = None, interrupted_after: int | None = None) -> None:
        self.refused, self.interrupted_after = refused, interrupted_after
        self.num_calls = 0

    def sample(self, prompts: Sequence[Conversation], num_samples: int, seed: int) -> list[Answers]:
        if self.num_calls == self.interrupted_after:
            raise KeyboardInterrupt
        self.num_calls += 1
        return [self._answers(prompt[-1]["content"], num_samples, seed) for prompt in prompts]

    def _answers(self, text: str, num_samples: int, seed: int) -> Answers:
        if self.refused is not None and self.refused in text:
            return Answers([], problem="not that one")
        words = [f"{text} {seed} {number}" for number in range(num_samples)]
        return Answers([Sample(assistant(one), "stop", -0.12345678 * len(one), len(one)) for one in words])

    def close(self) -> None:
        pass


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> StubSampler:
    """The policy of the test, whatever is named."""
    sampler = StubSampler()
    monkeypatch.setattr(workflow, "open_sampler", lambda *_: sampler)
    return sampler


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_writer(tmp_path_factory.mktemp("policy") / "llama"))


def config(output: Path, overwrite: bool = False, **options: Any) -> SampleConfig:
    return SampleConfig(output_file=str(output), run=FileRunOptions(overwrite, quiet=True), **options)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_policy_writes_samples_that_can_be_read_and_scored(policy: str, tmp_path: Path) -> None:
    rows = [
        {"prompt": "Hi."},
        {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "A"}]},
    ]
    output = tmp_path / "samples.jsonl"
    options = {"num_samples": 3, "max_new_tokens": 6, "device": "cpu", "output_file": output, "quiet": True, "seed": 5}
    result = rewardsmith.sample(rows, model_name_or_path=policy, **options)
    samples = load_samples(str(output), RowOptions())
    assert not samples.quarantine and not samples.columns_not_read
    table = samples.table.to_pylist()
    assert [row["prompt"][-1]["content"] for row in table] == ["Hi.", "A"] and len(table[1]["prompt"]) == 2
    for row, line in zip(table, lines(output), strict=True):
        assert len(row["responses"]) == len(row["logprob"]) == len(row["finish_reason"]) == 3
        assert all(logprob < 0 for logprob in row["logprob"])
        assert (row["policy"], row["seed"], row["on_policy"]) == (result.metrics["fingerprint"], 5, True)
        assert (row["row"], row["prompt_id"]) == (line["row"], line["prompt_id"])
    assert result.metrics["num_responses"] == 6 and result.metrics["num_prompts"] == 2
    other = config(tmp_path / "other.jsonl", model_name_or_path=policy, num_samples=3, seed=5, window=1)
    sampling, local = SamplingOptions(max_new_tokens=6), LocalSamplingOptions(device="cpu", max_tokens_per_batch=1)
    run_sample(SampleConfig(**{**vars(other), "sampling": sampling, "local": local}), rows[::-1])
    again = {line["prompt_id"]: line["responses"] for line in lines(tmp_path / "other.jsonl")}
    assert again == {line["prompt_id"]: line["responses"] for line in lines(output)}


def test_each_prompt_is_answered_once_in_the_order_of_the_input(stub: StubSampler, tmp_path: Path) -> None:
    rows = [ROWS[0], {"prompt": ""}, ROWS[1], ROWS[0], ROWS[2]]
    result = run_sample(config(tmp_path / "s.jsonl", num_samples=2, window=2, seed=3), rows)
    found = lines(tmp_path / "s.jsonl")
    assert [row["row"] for row in found] == [0, 2, 4]
    assert found[1]["responses"] == ["What is 1? 3 0", "What is 1? 3 1"]
    assert found[1]["logprob"] == [-1.7284, -1.7284]
    m = result.metrics
    assert (m["num_rows"], m["num_prompts"], m["num_repeated"], m["num_bad_rows"]) == (5, 3, 1, 1)
    assert (m["num_responses"], m["num_tokens"], m["bad_rows_by_reason"]) == (6, 84, {"empty_field": 1})
    [bad] = lines(tmp_path / "s.quarantine.jsonl")
    assert (bad["row"], bad["reason"], json.loads(bad["original"])) == (1, "empty_field", {"prompt": ""})


def test_the_first_prompts_are_enough_where_so_many_are_asked_for(stub: StubSampler, tmp_path: Path) -> None:
    data = PromptOptions(max_prompts=3)
    result = run_sample(config(tmp_path / "s.jsonl", data=data, window=2), [ROWS[0], ROWS[0], *ROWS])
    assert [row["row"] for row in lines(tmp_path / "s.jsonl")] == [0, 3, 4]
    assert result.metrics["num_prompts"] == 3 and not (tmp_path / "s.quarantine.jsonl").exists()


def test_an_interrupted_run_goes_on_to_the_same_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samplers: Iterator[StubSampler] = iter([StubSampler("5"), StubSampler("5", interrupted_after=2), StubSampler("5")])
    used: list[StubSampler] = []

    def opened(*_: Any) -> StubSampler:
        used.append(next(samplers))
        return used[-1]

    monkeypatch.setattr(workflow, "open_sampler", opened)
    run_sample(config(tmp_path / "whole.jsonl", window=2), ROWS)
    with pytest.raises(KeyboardInterrupt):
        run_sample(SampleConfig(output_file=str(tmp_path / "s.jsonl"), window=2), ROWS)
    assert "4 prompts are saved" in capsys.readouterr().err
    assert not (tmp_path / "s.jsonl").exists()
    result = run_sample(config(tmp_path / "s.jsonl", window=2), ROWS)
    assert used[-1].num_calls == 2 and result.metrics["num_prompts_resumed"] == 4
    for name in ("{}.jsonl", "{}.quarantine.jsonl"):
        assert (tmp_path / name.format("s")).read_bytes() == (tmp_path / name.format("whole")).read_bytes()
    assert result.metrics["bad_rows_by_reason"] == {"refused_by_model": 1}
    assert sorted(path.name for path in tmp_path.glob("s.*")) == ["s.jsonl", "s.quarantine.jsonl"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"num_samples": 5}, {"sampling": SamplingOptions("paper")}])
def test_parts_of_other_settings_are_not_taken(stub: StubSampler, tmp_path: Path, change: dict[str, Any]) -> None:
    stub.interrupted_after = 2
    with pytest.raises(KeyboardInterrupt):
        run_sample(config(tmp_path / "s.jsonl", window=2), ROWS)
    stub.interrupted_after = None
    result = run_sample(config(tmp_path / "s.jsonl", window=2, **change), ROWS)
    assert result.metrics["num_prompts_resumed"] == 0


def test_a_policy_that_takes_no_prompt_at_all_ends_the_run(stub: StubSampler, tmp_path: Path) -> None:
    stub.refused = "What"
    with pytest.raises(ModelError, match=r"takes none of 2 prompts; the first, .* row 1: not that one"):
        run_sample(config(tmp_path / "s.jsonl", window=2), ROWS)
    assert stub.num_calls == 1


def test_a_set_without_a_usable_prompt_is_wrong_input(stub: StubSampler, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of its 2 rows is usable. The first: .* line 1: the prompt is empty"):
        run_sample(config(tmp_path / "s.jsonl"), [{"prompt": ""}, {"prompt": " "}])


def test_what_cannot_be_written_is_refused_before_anything_is_loaded(stub: StubSampler, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end with \.jsonl"):
        run_sample(config(tmp_path / "s.parquet"), ROWS)
    for name in ("num_samples", "window"):
        with pytest.raises(ConfigError, match=f"--{name} 0"):
            run_sample(config(tmp_path / "s.jsonl", **{name: 0}), ROWS)
    run_sample(config(tmp_path / "s.jsonl"), ROWS)
    with pytest.raises(OutputError, match="exists"):
        run_sample(config(tmp_path / "s.jsonl"), ROWS)
    assert run_sample(config(tmp_path / "s.jsonl", overwrite=True), ROWS[:1]).metrics["num_prompts"] == 1
    written = (tmp_path / "s.jsonl").read_text()
    with pytest.raises(ConfigError, match=r"s\.jsonl is read from there and would be replaced"):
        own = PromptOptions(dataset_name=str(tmp_path / "s.jsonl"))
        run_sample(config(tmp_path / "s.jsonl", overwrite=True, data=own))
    assert (tmp_path / "s.jsonl").read_text() == written


def test_the_command_asks_an_endpoint_and_says_what_is_off_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    output = tmp_path / "s.jsonl"
    command = ["sample", str(tmp_path / "p.jsonl"), "--model_name_or_path", "m", "--sampling", "paper", "--json"]
    with chat_server() as server:
        status = main([*command, "--base_url", server.url, "--output_file", str(output)])
    said = capsys.readouterr().out
    assert status == 0 and "28 responses to 7 prompts" in said and "Off-policy (temperature 0.8, top-p 0.9" in said
    summary = json.loads(said.splitlines()[-1])
    assert summary["base_url"] == server.url and summary["num_tokens"] is None and not summary["on_policy"]
    assert {row["on_policy"] for row in lines(output)} == {False} and lines(output)[0]["logprob"] is None


def test_demonstrations_stand_above_what_the_policy_writes(tmp_path: Path, stub: StubSampler) -> None:
    shown = [{"prompt": f"Q{q}", "response": f"A{a}"} for q, a in ((0, 0), (1, 1), (1, 1), (1, 2))]
    run_sample(config(tmp_path / "pairs.jsonl", pairs=True, num_samples=2), shown)
    pairs = load_preferences(str(tmp_path / "pairs.jsonl"), DataOptions()).table
    assert [one[-1]["content"] for one in pairs["chosen"].to_pylist()] == ["A0", "A0", "A1", "A1", "A2", "A2"]
    assert [one[-1]["content"] for one in pairs["rejected"].to_pylist()][:3] == ["Q0 0 0", "Q0 0 1", "Q1 0 0"]
    with pytest.raises(DataError, match=r"none of its 7 rows is usable.*no response to be above others \(`pairs`\)"):
        run_sample(config(tmp_path / "none.jsonl", pairs=True), ROWS)


def test_what_a_label_calls_better_demonstrates(tmp_path: Path, stub: StubSampler) -> None:
    labels = [{"target": 1.0}, {"target": 0.0}, {"target": 0.5}, {"target": 1.0, "weight": 0.0}]
    shown = [{"prompt": f"Q{n}", "chosen": f"A{n}", "rejected": f"B{n}", **label} for n, label in enumerate(labels)]
    done = run_sample(config(tmp_path / "pairs.jsonl", pairs=True, num_samples=1), shown)
    assert [row["chosen"] for row in lines(Path(done.path))] == ["A0", "B1"]
    assert done.metrics["bad_rows_by_reason"] == {"undecided": 2}
