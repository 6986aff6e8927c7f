"""``rewardsmith score``: every input row gets its rewards, in order, whatever happens on the way.

One file because all of it scores with the same few tiny models, made once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.files.partial import partial_path
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.artifacts.options import FileRunOptions
from rewardsmith.cli.main import main
from rewardsmith.contracts.scorer import Scores
from rewardsmith.engine.scoring import open_scorer as scorers
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError, DataError, ModelError, OutputError
from rewardsmith.metrics.aggregates import Aggregation
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.preferences.options import RowOptions
from rewardsmith.workflows.options.score import ScoreConfig
from rewardsmith.workflows.score import run_score
from stub_scorer import StubScorer
from tiny_reward_models import some_rows


@pytest.fixture(scope="module")
def models(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two reward models that have learned nothing, with different heads."""
    root = tmp_path_factory.mktemp("reward-models")
    source = resolve_model(str(tiny_llama))
    for seed in (0, 1):
        tokenizer = load_tokenizer(source)
        save_reward_model(new_reward_model(source, tokenizer, seed), tokenizer, root / str(seed), {"max_length": 128})
    return [str(root / "0"), str(root / "1")]


def write_rows(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def config(model: str, output: Path, window: int = 8, **options: Any) -> ScoreConfig:
    run = FileRunOptions(quiet=True)
    return ScoreConfig(reward_model_path=model, output_file=str(output), window=window, run=run, **options)


def conversations(rows: list[dict[str, str]], side: str) -> list[Any]:
    turns = [({"role": "user", "content": r["prompt"]}, {"role": "assistant", "content": r[side]}) for r in rows]
    return [list(pair) for pair in turns]


class Interrupted(StubScorer):
    """Rewards depend on the response alone, every conversation counts as truncated; may be interrupted."""

    def __init__(self, fingerprint: str, interrupted_after: int | None) -> None:
        super().__init__(lambda response: sum(map(ord, response)) % 97, max_words=0, fingerprint=fingerprint)
        self.interrupted_after = interrupted_after

    def score(self, conversations: Any) -> Scores:
        if len(self.num_scored) == self.interrupted_after:
            raise KeyboardInterrupt
        return super().score(conversations)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Makes "rm" the name of a stub; gives the list in which the sizes of the windows it scores will stand."""
    kinds = scorers.SCORER_KINDS

    def install(interrupted_after: int | None = None) -> list[int]:
        windows: list[int] = []

        def load(name: str, options: ScoringOptions, *_: Any) -> Interrupted:
            scorer = Interrupted(f"{name} {options.max_length}", interrupted_after)
            scorer.num_scored = windows
            return scorer

        own = scorers.ScorerKind(lambda name: name == "rm", load)
        monkeypatch.setattr(scorers, "SCORER_KINDS", (own, *kinds))
        return windows

    return install


def test_command_writes_a_row_for_every_row(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = some_rows(20)
    data = write_rows(tmp_path / "prefs.jsonl", [*rows[:10], {"prompt": "?"}, *rows[10:]])
    out = tmp_path / "new" / "rewards.parquet"
    words = ["--reward_model_path", models[0], "--output_file", str(out), "--window", "8", "--quiet", "--json"]
    assert main(["score", "--dataset_name", str(data), *words]) == 0
    printed = capsys.readouterr().out.splitlines()
    summary = json.loads(printed[-1])
    assert printed[0].startswith("40 responses of 21 rows scored in")
    assert (summary["num_rows"], summary["num_pairs"], summary["bad_rows_by_reason"]) == (21, 20, {"missing_field": 1})
    table = pq.read_table(out)
    assert table.column("row").to_pylist() == list(range(21))
    assert table.column("reason").to_pylist() == [None] * 10 + ["missing_field"] + [None] * 10
    scorer = open_scorer(models[0])
    good = table.filter(pa.compute.is_valid(table.column("gap")))
    assert good.column("chosen").to_pylist() == [row["chosen"] for row in rows]
    for side in ("chosen", "rejected"):
        found = good.column(f"reward_{side}").to_numpy()
        np.testing.assert_allclose(found, scorer.score(conversations(rows, side)).rewards, rtol=0, atol=1e-5)
    assert json.loads(table.schema.metadata[b"rewardsmith"])["fingerprint"] == scorer.fingerprint
    assert [path.name for path in out.parent.iterdir()] == ["rewards.parquet"]


def test_json_lines_and_parquet_say_the_same(tmp_path: Path, stub: Callable[..., list[int]]) -> None:
    stub()
    rows = [{"question": "red one", "responses": ["good cat", "bad dog", ""][: i % 3 + 1], "id": i} for i in range(9)]
    parquet = run_score(config("rm", tmp_path / "a.parquet"), rows).table
    run_score(config("rm", tmp_path / "a.jsonl", window=2), rows)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line.keys() for line in lines] == [set(parquet.column_names)] * 9
    for line, entry in zip(lines, parquet.to_pylist(), strict=True):
        np.testing.assert_allclose(line.pop("rewards"), entry.pop("rewards"), rtol=0, atol=1e-5)
        assert line == entry


def test_own_columns_can_be_left_out(tmp_path: Path, stub: Callable[..., list[int]]) -> None:
    stub()
    result = run_score(config("rm", tmp_path / "a.parquet", keep_columns=False), some_rows(4))
    names = ["row", "pair_id", "reward_chosen", "reward_rejected", "gap", "reason", "problem"]
    assert result.table.column_names == names


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_an_interrupted_run_goes_on_to_the_same_file(
    tmp_path: Path, stub: Callable[..., list[int]], suffix: str
) -> None:
    data = write_rows(tmp_path / "rows.jsonl", some_rows(30))
    whole, again = (config("rm", tmp_path / f"{name}.{suffix}", data=RowOptions(str(data))) for name in ("a", "b"))
    stub()
    expected = run_score(whole)
    stub(interrupted_after=2)
    with pytest.raises(KeyboardInterrupt):
        run_score(again)
    assert not Path(str(again.output_file)).exists()
    windows = stub()
    result = run_score(again)
    assert windows == [16, 12] and result.metrics["num_rows_resumed"] == 16
    different = ("num_rows_resumed", "duration_s")
    assert {k: v for k, v in result.metrics.items() if k not in different} == {
        k: v for k, v in expected.metrics.items() if k not in different
    }
    assert result.table.equals(expected.table) and not Path(f"{again.output_file}.parts").exists()


@pytest.mark.parametrize("ending", [".parquet", ".jsonl"])
def test_a_run_that_ended_in_its_join_leaves_nothing_beside_the_output(
    tmp_path: Path, stub: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    stub()
    asked = config("rm", tmp_path / f"out{ending}")
    with monkeypatch.context() as patch, pytest.raises(KeyError):
        patch.setattr(PartsFolder, "remove", lambda _: (_ for _ in ()).throw(KeyError))
        run_score(asked, some_rows(20))
    output = Path(str(asked.output_file))
    whole = output.read_bytes()
    half = partial_path(output)
    half.write_bytes(whole[:100])  # as an earlier kill, before the new name, would have left it
    assert output.with_name(output.name + ".parts").is_dir()
    with pytest.raises(OutputError, match="exists"):
        run_score(asked, some_rows(20))
    assert [path.name for path in tmp_path.iterdir()] == [output.name] and output.read_bytes() == whole


Change = Callable[[list[Any]], tuple[list[Any], dict[str, Any]]]


@pytest.mark.parametrize(
    ("change", "num_windows"),
    [
        (lambda rows: (rows, {}), 1),
        (lambda rows: (rows, {"scoring": ScoringOptions(max_tokens_per_batch=64)}), 1),
        (lambda rows: ([*rows[:3], {**rows[3], "chosen": "cat"}, *rows[4:]], {}), 2),
        (lambda rows: ([rows[0], *rows], {}), 5),
        (lambda rows: (rows, {"keep_columns": False}), 4),
        (lambda rows: (rows, {"probabilities": True, "temperature": 2.0}), 4),
        (lambda rows: (rows, {"scoring": ScoringOptions(max_length=64)}), 4),
        (lambda rows: (rows, {"data": RowOptions(response_key="chosen")}), 4),
    ],
)
def test_only_parts_of_the_same_work_are_taken(
    tmp_path: Path, stub: Callable[..., list[int]], change: Change, num_windows: int
) -> None:
    rows = some_rows(32)
    stub(interrupted_after=3)
    with pytest.raises(KeyboardInterrupt):
        run_score(config("rm", tmp_path / "a.parquet"), rows)
    changed, options = change(rows)
    windows = stub()
    run_score(config("rm", tmp_path / "a.parquet", **options), changed)
    assert len(windows) == num_windows


def test_columns_that_change_places_are_other_work(tmp_path: Path, stub: Callable[..., list[int]]) -> None:
    rows = [{"q": "red", "one": "good cat", "two": "bad", "three": f"dog {i}"} for i in range(16)]
    keys = {"prompt_key": "q", "chosen_key": "one", "rejected_key": "two"}
    stub(interrupted_after=1)
    with pytest.raises(KeyboardInterrupt):
        run_score(config("rm", tmp_path / "a.parquet", data=RowOptions(**keys)), rows)  # type: ignore[arg-type]
    for name, column in (("rejected_key", "three"), ("chosen_key", "three"), ("prompt_key", "three")):
        windows = stub(interrupted_after=1)
        with pytest.raises(KeyboardInterrupt):
            changed = RowOptions(**{**keys, name: column})  # type: ignore[arg-type]
            run_score(config("rm", tmp_path / "a.parquet", data=changed), rows)
        assert len(windows) == 1


def test_several_models_give_members_mean_spread_and_aggregate(models: list[str], tmp_path: Path) -> None:
    rows = some_rows(6)
    scoring = ScoringOptions(aggregate="mean_minus_std", aggregate_coefficient=0.5)
    result = run_score(config(",".join(models), tmp_path / "a.parquet", scoring=scoring), rows)
    table = result.table
    members = np.array(table.column("reward_chosen_members").to_pylist(), dtype=np.float32).T
    expected = [open_scorer(model).score(conversations(rows, "chosen")).rewards for model in models]
    np.testing.assert_allclose(members, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        table.column("reward_chosen").to_numpy(),
        Aggregation("mean_minus_std", 0.5)(np.array(expected)),
        rtol=0,
        atol=1e-5,
    )
    rejected = np.array(table.column("reward_rejected_members").to_pylist(), dtype=np.float32).T
    np.testing.assert_allclose(table.column("gap_std").to_numpy(), (members - rejected).std(0), rtol=0, atol=1e-5)
    assert result.metrics["num_members"] == 2


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_probabilities_stand_beside_the_gaps_of_pairs(
    tmp_path: Path, stub: Callable[..., list[int]], suffix: str
) -> None:
    stub()
    rows = [*some_rows(10), {"prompt": "?"}]
    result = run_score(config("rm", tmp_path / f"a.{suffix}", probabilities=True, temperature=20.0), rows)
    entries = result.table.to_pylist()
    assert result.table.column_names.index("probability") == result.table.column_names.index("gap") + 1
    for entry in entries[:10]:
        assert entry["probability"] == pytest.approx(1 / (1 + np.exp(-entry["gap"] / 20)), abs=1e-6)
    assert entries[10]["probability"] is None and result.metrics["temperature"] == 20.0


def test_probabilities_need_pairs_and_a_temperature(models: list[str], tmp_path: Path) -> None:
    rows = some_rows(4)
    for path in (models[0], ",".join(models)):
        with pytest.raises(ModelError, match="no temperature for these rewards. .*--fit_temperature; or pass --temp"):
            run_score(config(path, tmp_path / "a.parquet", probabilities=True), rows)
    for options, message in (
        ({"temperature": 2.0}, "--temperature 2.0 is for --probabilities"),
        ({"temperature": 0.0, "probabilities": True}, "--temperature 0.0 must be a number above 0"),
        ({"temperature": float("nan"), "probabilities": True}, "--temperature nan must be a number above 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            run_score(config(models[0], tmp_path / "a.parquet", **options), rows)
    with pytest.raises(ConfigError, match="--probabilities: .* holds no pairs"):
        run_score(
            config(models[0], tmp_path / "a.parquet", probabilities=True), [{"prompt": "red", "response": "good cat"}]
        )
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_input(tmp_path: Path, stub: Callable[..., list[int]]) -> None:
    stub()
    peaks = []
    for number in (2_000, 6_000):  # the first thousand rows are read ahead, to see what they are
        data = write_rows(
            tmp_path / f"{number}.jsonl", [{"prompt": "?", "response": f"{i} " * 200} for i in range(number)]
        )
        tracemalloc.start()
        done = run_score(config("rm", tmp_path / f"{number}.jsonl.jsonl", 250, data=RowOptions(str(data))))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert done.metrics["num_rows"] == number
    assert peaks[1] < 1.2 * peaks[0]


def test_wrong_options_are_told_before_any_work(models: list[str], tmp_path: Path) -> None:
    rows = some_rows(4)
    (tmp_path / "there.parquet").write_text("")
    (tmp_path / "folder.jsonl").mkdir()
    for output, error, message in (
        ("a.csv", ConfigError, "must end with .parquet or .jsonl"),
        ("there.parquet", OutputError, "exists. Choose another --output_file, or pass --overwrite"),
        ("folder.jsonl", OutputError, "is a folder"),
        ("there.parquet/a.jsonl", OutputError, "Choose another `output_file`"),
    ):
        with pytest.raises(error, match=message):
            run_score(config(models[0], tmp_path / output), rows)
    for options, message in (
        (ScoringOptions(aggregate="quantile", aggregate_coefficient=2.0), "`aggregate_coefficient`: .* not between"),
        (ScoringOptions(aggregate_coefficient=1.0), "mean takes no coefficient"),
        (ScoringOptions(aggregate="min"), "needs several members"),
    ):
        with pytest.raises(ConfigError, match=message):
            run_score(config(models[0], tmp_path / "a.parquet", scoring=options), rows)
    own = RowOptions(dataset_name=str(write_rows(tmp_path / "rows.jsonl", rows)))
    with pytest.raises(ConfigError, match=r"rows\.jsonl is read from there and would be replaced"):
        run_score(
            replace(
                config(models[0], tmp_path / "rows.jsonl", data=own), run=FileRunOptions(overwrite=True, quiet=True)
            )
        )
    Path(own.dataset_name).unlink()
    with pytest.raises(ConfigError, match="--window 0"):
        run_score(config(models[0], tmp_path / "a.parquet", window=0), rows)
    with pytest.raises(ConfigError, match="`reward_model_path` is missing"):
        run_score(config("", tmp_path / "a.parquet"), rows)
    with pytest.raises(DataError, match="no column to score"):
        run_score(config(models[0], tmp_path / "a.parquet"), [{"x": 1}])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.jsonl", "there.parquet"]


@pytest.mark.slow
def test_a_killed_run_goes_on(models: list[str], tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", some_rows(200))
    words = [sys.executable, "-m", "rewardsmith", "score", str(data), "--reward_model_path", models[0], "--window", "4"]
    run_score(config(models[0], tmp_path / "whole.parquet", window=4, data=RowOptions(dataset_name=str(data))))
    command = [*words, "--output_file", str(tmp_path / "killed.parquet"), "--quiet"]
    parts = tmp_path / "killed.parquet.parts"
    for done in (5, 25):
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while len(list(parts.glob("*.parquet"))) < done:
            assert run.poll() is None
            time.sleep(0.001)
        run.send_signal(signal.SIGKILL)
        run.wait()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert pq.read_table(tmp_path / "killed.parquet").equals(pq.read_table(tmp_path / "whole.parquet"))
    assert not parts.exists()


def test_numbers_of_numpy_stay_numbers_in_json_lines(tmp_path: Path, stub: Callable[..., list[int]]) -> None:
    stub()
    rows = [{**row, "id": np.int64(7), "marks": np.array([1.5, 2.0])} for row in some_rows(2)]
    run_score(config("rm", tmp_path / "a.jsonl"), rows)
    line = json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])
    assert line["id"] == 7 and line["marks"] == [1.5, 2.0]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_odd_values_in_columns_that_nobody_reads_stop_nothing(
    tmp_path: Path, stub: Callable[..., list[int]], ending: str
) -> None:
    stub()
    deep, long = "[" * 900 + "1" + "]" * 900, "7" * 5000
    row = '{"prompt": "p", "chosen": "a", "rejected": "b", "x": %s}'
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(row % value for value in (deep, long, 3)))
    output = tmp_path / f"scored.{ending}"
    run_score(config("rm", output), source)
    scored = (
        pq.read_table(output).to_pylist() if ending == "parquet" else map(json.loads, output.read_text().splitlines())
    )
    found = list(scored)
    assert [entry["gap"] for entry in found] == [-1, -1, -1]
    assert [str(entry["x"]).strip('"') for entry in found] == [deep, long, "3"]


def test_a_null_among_samples_costs_the_others_nothing(models: list[str], tmp_path: Path) -> None:
    samples = [{"prompt": "one", "responses": ["red", None, "blue"]}, {"prompt": "two", "responses": [None]}]
    for names in (models[0], ",".join(models)):
        output = tmp_path / f"{len(names)}.jsonl"
        run_score(config(names, output), samples)
        first, second = (json.loads(line) for line in output.read_text().splitlines())
        alone = open_scorer(names).score(
            [[{"role": "user", "content": "one"}, {"role": "assistant", "content": text}] for text in ("red", "blue")]
        )
        assert first["rewards"][1] is None and first["reason"] is None
        assert [first["rewards"][0], first["rewards"][2]] == pytest.approx(alone.rewards.tolist(), abs=1e-6)
        assert first["best"] == 2 * int(alone.rewards.argmax())
        assert second["rewards"] is None and second["reason"] == "empty_field"


def test_a_score_of_nothing_is_an_error_that_says_why(models: list[str], tmp_path: Path) -> None:
    rows = [{"prompt": "one", "chosen": ["red"], "rejected": 5}] * 3
    output = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match=r"none of its 3 rows could be scored \(wrong_type 3\)"):
        run_score(config(models[0], output), rows)
    assert "problem" in output.read_text()


def test_the_column_of_the_responses_is_said(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"question": "one", "answer": "#### 7", "generated": "red blue", "id": "7"}]
    file = write_rows(tmp_path / "rows.jsonl", rows)
    command = ["score", str(file), "--reward_model_path", models[0], "--output_file", str(tmp_path / "out.jsonl")]
    assert main(command) == 0
    said = " ".join(" ".join(capsys.readouterr()).split())
    assert "Responses are those in the column answer; --response_key names another." in said
    assert "not read, though it could be part of the conversation: generated (1 rows)" in said
    assert main([*command, "--response_key", "generated", "--overwrite"]) == 0
    said = " ".join(" ".join(capsys.readouterr()).split())
    assert "column generated; --response_key names another." in said
    assert "part of the conversation: answer (1 rows)" in said
