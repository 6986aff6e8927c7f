"""``rewardsmith study arms``: from a file of arms to what can be said of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import rewardsmith
from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.contracts.metrics.study_arms import StudyArmsMetrics
from rewardsmith.errors import ConfigError, DataError, OutputError, RunError
from rewardsmith.studies.arms.forecast import HELD_OUT
from rewardsmith.workflows import study_arms
from rewardsmith.workflows.arms import runs as arm_runs
from rewardsmith.workflows.arms.plan import parse_rates, parse_tests, plan_of
from rewardsmith.workflows.options.study_arms import StudyArmsConfig
from rewardsmith.workflows.study_arms import ArmsResult, ForecastResult, run_study_arms
from tiny_reward_models import sample_rows

ARMS: dict[str, dict[str, Any]] = {"plain": {}, "centred": {"center_rewards_coefficient": 0.1}}
SMALL = {"learning_rates": "1e-2", "num_seeds": 1}
FILES = {"pilots.jsonl", "trainings.jsonl", "tests.jsonl", "metrics.json", "report.html", "manifest.json", "runs"}

Rows = Callable[[int, float], list[dict[str, Any]]]


def here(computed: list[Any], pilot: dict[str, Any] | None = None) -> Any:
    """Computes cells in this process and adds them to a list; ``pilot``: what every pilot says, without measuring."""

    def run_cells(cells: Sequence[Any], prepare: Any, given: Any, *_: Any) -> Iterator[Any]:
        compute = prepare(json.loads(json.dumps(given)))
        for cell in cells:
            if pilot is not None and prepare is arm_runs.open_pilots:
                seconds = dict.fromkeys((HELD_OUT, *given["files"]["tests"]), 0.1)
                yield {**asdict(cell), **pilot, "a_conversation": seconds}
            else:
                computed.append(cell)
                yield json.loads(json.dumps(compute(asdict(cell))))

    return run_cells


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Cells but pilots are computed here, one after the other; gives the list that they are added to."""
    computed: list[Any] = []
    pilot = {"to_start": 1.0, "a_pair": 0.1, "to_load": 1.0, "memory_gib": 0.1}
    monkeypatch.setattr(arm_runs, "run_cells", here(computed, pilot))
    return computed


@pytest.fixture
def rows(learnable_rows: Rows) -> list[dict[str, Any]]:
    return learnable_rows(120, 0.1)


def config(model: Path, folder: Path, **options: Any) -> StudyArmsConfig:
    usual = {
        "model_name_or_path": str(model),
        "max_length": 64,
        "device": "cpu",
        "max_steps": 2,
        "num_seeds": 2,
        "learning_rates": "1e-3,1e-2",
        "output_dir": str(folder),
        "quiet": True,
        "workers": 1,
    }
    return build_config(StudyArmsConfig, {**usual, **options})


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_a_study_leaves_its_cells_its_numbers_and_its_report(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any]
) -> None:
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:40]))
    asked = config(tiny_llama, tmp_path / "run", test=f"again={tmp_path / 'other.jsonl'}")
    found = run_study_arms(asked, rows, ARMS)
    assert isinstance(found, ArmsResult)
    assert {file.name for file in (tmp_path / "run").iterdir()} == FILES
    assert len(in_this_process) == 4 + 2 + 4
    tried = [(cell["seed"], cell["arm"], cell["learning_rate"]) for cell in lines(tmp_path / "run", "trainings.jsonl")]
    chosen = {arm["name"]: arm["learning_rate"]["0"] for arm in found.metrics["arms"]}
    assert tried[:4] == [(0, arm, rate) for arm in ARMS for rate in (1e-3, 1e-2)]
    assert tried[4:] == [(1, arm, chosen[arm]) for arm in ARMS]
    assert [test["name"] for test in found.metrics["tests"]] == ["own", "again"]
    assert found.metrics["tests"][1]["num_prompts_trained_on"] > 0
    assert read_metrics(tmp_path / "run", StudyArmsMetrics) == found.metrics
    logs = sorted(file.parent.name for file in (tmp_path / "run" / "runs").glob("*/metrics.jsonl"))
    assert len(logs) == 6
    assert "0-plain-0.001-seed-0" in logs


def test_a_cell_is_what_train_and_evaluate_make_of_the_same_options(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr("rewardsmith.artifacts.runs.run_folder.RunFolder.finish", lambda *_, **__: None)
    options = {"learning_rates": "1e-2", "num_seeds": 1, "test_share": 0.3, "center_rewards_coefficient": 0.1}
    found = run_study_arms(config(tiny_llama, tmp_path / "run", **options), rows, {"one": {}, "two": {"dropout": 0.1}})
    learned = pq.read_table(tmp_path / "run" / "sets" / "train-0.parquet")
    pair_of = {f"{row['chosen']}|{row['rejected']}": row for row in rows}

    def given(table: Any) -> list[dict[str, Any]]:
        pairs = zip(table["chosen"].to_pylist(), table["rejected"].to_pylist(), strict=True)
        return [pair_of[f"{chosen[0]['content']}|{rejected[0]['content']}"] for chosen, rejected in pairs]

    trained = rewardsmith.train(
        given(learned),
        model_name_or_path=str(tiny_llama),
        max_length=64,
        device="cpu",
        max_steps=2,
        quiet=True,
        learning_rate=1e-2,
        dropout=0.1,
        center_rewards_coefficient=0.1,
        output_dir=tmp_path / "rm",
    )
    tested = pq.read_table(tmp_path / "run" / "sets" / "test-0.parquet")
    rewards = rewardsmith.evaluate(
        given(tested), reward_model_path=trained.path, output_dir=tmp_path / "eval", device="cpu", quiet=True
    )
    assert isinstance(found, ArmsResult)
    assert found.metrics["tests"][0]["arms"]["two"]["accuracy"] == rewards.metrics["eval_accuracy_ties_half"]
    last = lines(tmp_path / "run", "trainings.jsonl")[1]["last"]
    assert last["loss"] == trained.metrics["train_loss"]


def _stops(*_: Any) -> None:
    raise RunError("power cut")


def test_a_forecast_measures_every_arm_and_stops(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], monkeypatch: Any
) -> None:
    computed: list[Any] = []
    monkeypatch.setattr(arm_runs, "run_cells", here(computed))
    found = run_study_arms(config(tiny_llama, tmp_path / "run", forecast=True), rows, ARMS)
    assert isinstance(found, ForecastResult)
    assert [cell.key for cell in computed] == ["plain", "centred"]
    assert (found.forecast.num_trainings, found.forecast.num_tests) == (6, 4)
    assert found.forecast.seconds > 0
    assert not list((tmp_path / "run" / "runs").iterdir()), "pilots leave nothing behind"
    monkeypatch.setattr(arm_runs.ArmRuns, "train", _stops)
    with pytest.raises(RunError, match="power cut"):
        run_study_arms(config(tiny_llama, tmp_path / "run"), rows, ARMS)
    assert len(computed) == 2, "what was measured is there"


def test_fewer_processes_run_where_memory_does_not_allow_them(
    tiny_llama: Path,
    tmp_path: Path,
    rows: list[dict[str, Any]],
    in_this_process: list[Any],
    monkeypatch: Any,
    capsys: Any,
) -> None:
    monkeypatch.setattr(study_arms, "free_memory", lambda _: 0.25 * 2**30)
    asked = config(tiny_llama, tmp_path / "run", workers=3, forecast=True, quiet=False)
    found = run_study_arms(asked, rows, ARMS)
    assert isinstance(found, ForecastResult)
    assert found.forecast.workers == 2
    assert "`workers` 3 of 0.1 GiB do not fit into 0.2 GiB: 2 at a time." in capsys.readouterr().err


def test_an_interrupted_study_computes_only_what_is_missing(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any], monkeypatch: Any
) -> None:
    real = arm_runs.run_cells

    def stops_at_the_tests(cells: Any, prepare: Any, *rest: Any) -> Iterator[Any]:
        for number, result in enumerate(real(cells, prepare, *rest)):
            if prepare is arm_runs.open_tests and number == 1:
                raise RunError("power cut")
            yield result

    monkeypatch.setattr(arm_runs, "run_cells", stops_at_the_tests)
    with pytest.raises(RunError, match="power cut"):
        run_study_arms(config(tiny_llama, tmp_path / "run", **SMALL), rows, ARMS)
    monkeypatch.setattr(arm_runs, "run_cells", real)
    in_this_process.clear()
    again = run_study_arms(config(tiny_llama, tmp_path / "run", **SMALL), rows, ARMS)
    assert len(in_this_process) == 1, "the test that is missing"
    whole = run_study_arms(config(tiny_llama, tmp_path / "whole", **SMALL), rows, ARMS)
    assert isinstance(again, ArmsResult)
    assert isinstance(whole, ArmsResult)
    assert again.metrics["tests"] == whole.metrics["tests"]


def test_a_study_does_not_go_on_with_other_options_of_an_arm(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any]
) -> None:
    run_study_arms(config(tiny_llama, tmp_path / "run", forecast=True), rows, ARMS)
    with pytest.raises(OutputError, match="an unfinished study arms that differs in arm centred"):
        run_study_arms(config(tiny_llama, tmp_path / "run"), rows, {**ARMS, "centred": {"dropout": 0.1}})


def test_an_arm_may_learn_from_another_version_of_the_pairs(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any], capsys: Any
) -> None:
    half = [{**row, "margin": 0.5} for row in rows[::2]]
    (tmp_path / "repaired.jsonl").write_text("".join(json.dumps(row) + "\n" for row in half))
    (tmp_path / "given.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = config(tiny_llama, tmp_path / "run", dataset_name=str(tmp_path / "given.jsonl"), quiet=False, **SMALL)
    arms = {"plain": {}, "repaired": {"dataset_name": str(tmp_path / "repaired.jsonl")}}
    found = run_study_arms(asked, arms=arms)
    assert isinstance(found, ArmsResult)
    plain, repaired = found.metrics["arms"]
    assert plain["num_pairs"] > repaired["num_pairs"] > 0
    assert not repaired["same_course"]
    said = " ".join(capsys.readouterr().err.split())
    assert "own flatters the arm" in said


def test_a_version_without_any_of_the_pairs_is_refused(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any]
) -> None:
    (tmp_path / "foreign.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    arms = {"plain": {}, "foreign": {"dataset_name": str(tmp_path / "foreign.jsonl")}}
    with pytest.raises(DataError, match="Arm foreign: none of its 1 pairs is one of the study's"):
        run_study_arms(config(tiny_llama, tmp_path / "run"), rows, arms)
    assert not (tmp_path / "run" / "unfinished.json").exists()


def test_an_arm_that_no_rate_trains_fails_alone_and_a_baseline_fails_the_study(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any], monkeypatch: Any
) -> None:
    real = arm_runs.run_cells

    def breaks(arm: str) -> Any:
        def run_cells(cells: Any, prepare: Any, *rest: Any) -> Iterator[Any]:
            for cell, result in zip(cells, real(cells, prepare, *rest), strict=True):
                broken = prepare is arm_runs.open_trainings and cell.arm == arm
                yield {**asdict(cell), "skipped": "it diverged"} if broken else result

        return run_cells

    monkeypatch.setattr(arm_runs, "run_cells", breaks("centred"))
    found = run_study_arms(config(tiny_llama, tmp_path / "run", **SMALL), rows, ARMS)
    assert isinstance(found, ArmsResult)
    assert [arm["name"] for arm in found.metrics["arms"]] == ["plain"]
    assert [one["reason"] for one in found.metrics["failed"]] == ["it diverged"]
    monkeypatch.setattr(arm_runs, "run_cells", breaks("plain"))
    with pytest.raises(RunError, match="compared with the baseline: plain 0.01 seed 0: it diverged"):
        run_study_arms(config(tiny_llama, tmp_path / "other", **SMALL), rows, ARMS)


def test_what_failed_is_tried_again_by_the_next_run(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any], monkeypatch: Any
) -> None:
    real = arm_runs.run_cells

    def disk_is_full(cells: Any, prepare: Any, *rest: Any) -> Iterator[Any]:
        for cell, result in zip(cells, real(cells, prepare, *rest), strict=True):
            yield {**asdict(cell), "skipped": "disk is full"} if prepare is arm_runs.open_tests else result

    monkeypatch.setattr(arm_runs, "run_cells", disk_is_full)
    with pytest.raises(RunError, match="plain 0.01 seed 0: disk is full"):
        run_study_arms(config(tiny_llama, tmp_path / "run", **SMALL), rows, ARMS)
    monkeypatch.setattr(arm_runs, "run_cells", real)
    in_this_process.clear()
    found = run_study_arms(config(tiny_llama, tmp_path / "run", **SMALL), rows, ARMS)
    assert len(in_this_process) == 2, "both tests"
    assert isinstance(found, ArmsResult)
    assert found.metrics["failed"] == []
    assert len(lines(tmp_path / "run", "tests.jsonl")) == 2


def test_a_test_without_any_decided_label_is_refused(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    ties = [{**row, "target": 0.5} for row in rows[:8]]
    (tmp_path / "ties.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ties))
    asked = config(tiny_llama, tmp_path / "run", test=f"ties={tmp_path / 'ties.jsonl'}")
    with pytest.raises(DataError, match="Test ties: none of its 8 pairs has a label that decides"):
        run_study_arms(asked, rows, ARMS)


def test_arms_may_contrast_and_look_at_unlabelled_samples(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], in_this_process: list[Any]
) -> None:
    samples = [{**row, "prompt": rows[0]["prompt"]} if i == 0 else row for i, row in enumerate(sample_rows(6, 3))]
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:40]))
    arms = {
        "plain": {},
        "simcse": {"contrastive": "simcse", "contrast_on": "differences"},
        "metarm": {"meta_dataset": str(tmp_path / "samples"), "meta_batch_size": 2},
    }
    asked = config(tiny_llama, tmp_path / "run", test=f"other={tmp_path / 'other.jsonl'}", test_share=0.0, **SMALL)
    found = run_study_arms(asked, rows, arms)
    assert isinstance(found, ArmsResult)
    plain, simcse, metarm = (set(cell["last"]) for cell in lines(tmp_path / "run", "trainings.jsonl"))
    assert "contrastive_loss" in simcse - plain
    assert "meta_objective" in metarm - plain
    assert found.metrics["tests"][0]["num_prompts_sampled"] == 1
    assert all(arm["same_course"] for arm in found.metrics["arms"])
    inputs = json.loads((tmp_path / "run" / "manifest.json").read_text())["inputs"]
    assert any(name.startswith("samples ") and name.endswith("some.jsonl") for name in inputs)


@pytest.mark.slow
def test_processes_compute_the_same_cells(
    tiny_llama: Path, tmp_path: Path, rows: list[dict[str, Any]], monkeypatch: Any
) -> None:
    (tmp_path / "arms.yaml").write_text("plain: {}\ncentred: {center_rewards_coefficient: 0.1}\n")
    many = config(tiny_llama, tmp_path / "many", workers=2, **SMALL, arms=str(tmp_path / "arms.yaml"))
    found = run_study_arms(many, rows)
    monkeypatch.setattr(arm_runs, "run_cells", here([]))
    alone = run_study_arms(config(tiny_llama, tmp_path / "alone", **SMALL), rows, ARMS)
    assert isinstance(found, ArmsResult)
    assert isinstance(alone, ArmsResult)
    assert found.metrics["tests"] == alone.metrics["tests"]


def test_what_is_asked_for_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    for options, words in (
        ({"baseline": "plian"}, "--baseline plian is no arm of arms. Did you mean plain"),
        ({"num_seeds": 0}, "--num_seeds 0 must be at least 1"),
        ({"test_share": 1.0}, "--test_share 1 must be at least 0 and below 1"),
        ({"test_share": 0.0}, "--test_share 0 leaves nothing to test on"),
        ({"held_out_share": 0.0}, "--held_out_share 0 must lie between 0 and 1"),
        ({"num_train_pairs": 0}, "--num_train_pairs 0 must be at least 1"),
        ({"dropout": 2.0}, "arms, arm plain: `dropout` 2.0 must be at least 0"),
    ):
        with pytest.raises(ConfigError, match=words):
            plan_of(config(tmp_path, tmp_path, **options), ARMS)


def test_rates_are_numbers_above_zero() -> None:
    assert parse_rates("1e-4, 1e-5,1e-5") == (1e-5, 1e-4)
    for text, word in (("1e-4,much", "'much'"), ("0", "'0'"), ("nan", "'nan'"), ("", "''")):
        with pytest.raises(ConfigError, match=f"{word} is no learning rate"):
            parse_rates(text)


def test_tests_have_names() -> None:
    assert parse_tests("a=x.jsonl, b=y=z.jsonl") == {"a": "x.jsonl", "b": "y=z.jsonl"}
    assert parse_tests("") == {}
    for text, words in (
        ("x.jsonl", "write it as name=data set"),
        ("a=x,a=y", "the name a stands twice"),
        ("own=x", "the name own is what the part of the set itself is called"),
    ):
        with pytest.raises(ConfigError, match=words):
            parse_tests(text)
