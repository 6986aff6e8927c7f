"""The commands that an audit names at its end are run, and do what stands beside them."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.cli.main import main
from rewardsmith.contracts.metrics.audit import AuditMetrics
from scored_rows import scored_rows

PLACEHOLDERS = ("more.jsonl", "other.jsonl")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audited(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """The metrics of an audit, as its command prints them."""
    assert main(["audit", *words, "--quiet", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def commands(metrics: dict[str, Any]) -> dict[str, list[str]]:
    """The words of each step by its text."""
    return {step["text"]: shlex.split(step["command"])[1:] for step in metrics["next_steps"]}


def run(capsys: pytest.CaptureFixture[str], words: list[str], *more: str) -> str:
    """What a command prints, in one line. Those that need the hub, or files that are not there, are read only."""
    if words[0] == "train":
        assert words.count("Qwen/Qwen3-0.6B") == 1  # a language model; here another one stands in for it
        words = ["embedded/tiny-reader" if word == "Qwen/Qwen3-0.6B" else word for word in words]
    needs_more = any(word.startswith("Qwen/") or word in PLACEHOLDERS for word in words)
    assert main([*words, *more, *(["--dry_run"] if needs_more else [])]) == 0
    return " ".join(capsys.readouterr().out.split())


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def doubtful(metrics: dict[str, Any]) -> list[dict[str, str]]:
    with (Path(metrics["path"]) / "doubtful.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_judged_labels_are_shown_and_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = written(here / "my prefs.jsonl", scored_rows(300))
    metrics = audited(capsys, rows, "--ensemble", "given", "--near_duplicates", "off", "--no_stability")
    assert metrics["claim"]["level"] == "labels_judged"
    worst = doubtful(metrics)[0]
    written(here / "decisions.jsonl", [{"row": int(worst["row"]), "decision": "keep"}])
    asked = [words for words in commands(metrics).values() if words[0] != "train"]
    by_verb = {words[0]: run(capsys, words) for words in asked}
    shown = by_verb["show"]
    assert "most doubtful first" in shown and f"row {worst['row']} " in shown and "4 of 4 judges prefer" in shown
    assert shown.index(f"row {worst['row']} ") == shown.index("row ")
    assert worst["chosen"] in shown and worst["rejected"] in shown
    ledger = pq.read_table(next(here.glob("runs/refine-*/ledger.parquet")))
    dropped = ledger["weight"].to_numpy() == 0
    assert (dropped == (ledger["p_wrong"].to_numpy() > 0.5)).all() and dropped.any()
    decided = pq.read_table(f"{metrics['path']}-decided/ledger.parquet").to_pandas().set_index("row")
    assert decided.loc[int(worst["row"]), "weight"] == 1 and (decided["weight"] == 0).sum() == dropped.sum() - 1


def test_what_was_refined_is_decided_anew_and_taken_back(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = written(here / "p.jsonl", scored_rows(300))
    audited(capsys, rows, "--ensemble", "given", "--output_dir", "a")

    def refined(*words: str) -> dict[str, list[str]]:
        assert main(["refine", "a", "--recipe", "drop", *words, "--quiet", "--json"]) == 0
        return commands(json.loads(capsys.readouterr().out.splitlines()[-1]))

    train, measure, decide, undo = refined("--output_dir", "my r").values()
    ledger = pq.read_table("my r/ledger.parquet").to_pandas()
    dropped = ledger.loc[ledger["weight"] == 0, "row"].tolist()
    written(here / "decisions.jsonl", [{"row": dropped[0], "decision": "keep"}])
    run(capsys, decide)
    decided = pq.read_table("my r-decided/ledger.parquet").to_pandas()
    assert decided.loc[decided["weight"] == 0, "row"].tolist() == dropped[1:] != []
    run(capsys, undo)
    assert Path("back.jsonl").read_bytes() == Path(rows).read_bytes()
    assert train[:2] == ["train", "my r"] and measure[:2] == ["evaluate", "heldout.jsonl"]
    assert len(refined("--output_dir", "s", "--report_pairs", "0")) == 3  # no table, nothing to decide in


def test_a_reading_order_is_read_decided_and_done(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With judges of its own, on a simulated set."""
    assert main(["simulate", "--output_file", "sim.jsonl", "--num_pairs", "60", "--flip_rate", "0.1"]) == 0
    few = ("--num_judges", "2", "--no_baselines", "--no_structured", "--no_stability")
    metrics = audited(capsys, "sim.jsonl", *few, "--planted_rate", "0")
    assert metrics["claim"]["level"] == "reading_order"
    show, decide, *others = commands(metrics).values()
    shown = run(capsys, show)
    assert "no label is called wrong" in shown and "20 of 60 pairs, most doubtful first" in shown

    rows = doubtful(metrics)
    decisions = zip(rows[:2], ("flip", "drop"), strict=True)
    written(here / "decisions.jsonl", [{"row": int(row["row"]), "decision": word} for row, word in decisions])
    run(capsys, decide)
    ledger = pq.read_table("runs/refine-sim/ledger.parquet").to_pandas().set_index("row")
    assert ledger.loc[int(rows[0]["row"]), "target"] == 0 and ledger.loc[int(rows[1]["row"]), "weight"] == 0
    assert ((ledger["target"] != ledger["target_given"]) | (ledger["weight"] == 0)).sum() == 2

    measure, train = others[0], others[-1]
    run(capsys, measure)
    assert read_metrics(Path("runs/audit-sim-measured"), AuditMetrics)["planted_flips"]
    assert "accuracy" in run(capsys, train, "--max_steps", "1", "--max_length", "32")


def test_an_audit_that_cannot_tell_offers_no_repair(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = written(here / "p.jsonl", scored_rows(300, wrong=0.5, skill=0.0))
    metrics = audited(capsys, rows, "--ensemble", "given")
    assert metrics["claim"]["level"] == "cannot_tell"
    steps = commands(metrics)
    assert "refine" not in {words[0] for words in steps.values()}
    stronger, votes, _ = (
        run(capsys, words, *(["--max_steps", "1"] if words[0] == "train" else [])) for words in steps.values()
    )
    assert "ensemble: probe" in stronger and "model_name_or_path: Qwen/Qwen3-0.6B" in stronger
    assert "dataset_name: more.jsonl" in votes
