"""``rewardsmith export`` as a whole: files, folders, counts, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rewardsmith
from any_pairs import ledger_of, write_refined
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.cli.main import main
from rewardsmith.contracts.metrics.export import ExportMetrics
from rewardsmith.errors import ConfigError, DataError, OutputError
from rewardsmith.preferences.exports.consumers import EXPORTS
from rewardsmith.workflows.options.export import ExportConfig

ROWS = [
    {"prompt": f"question {i}", "chosen": f"yes {i}", "rejected": f"no {i}", **fields}
    for i, fields in enumerate([{}, {"target": 0.2}, {"target": 0.5}, {"weight": 0}, {"weight": 2, "margin": 1.5}])
]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def refined(folder: Path) -> Path:
    same = {"prompt": [{"role": "user", "content": "p"}], "responses": ("a", "b"), "strength_std": 0.5}
    flipped = {**same, "target": 0.0, "swapped": True, "rules": ["flip"], "strength_mean": -2.0}
    dropped = {**same, "weight": 0.0, "rules": ["drop"], "strength_mean": -3.0}
    return write_refined(folder, ledger_of([flipped, dropped, {**same, "strength_mean": 1.0}]))


def test_a_set_is_written_and_what_trl_cannot_be_told_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    bad = {"prompt": "p", "chosen": "", "rejected": "b"}
    rows = [{**row, "context": "as was said"} for row in ROWS]
    result = rewardsmith.export([*rows, bad], to="trl", output_file=str(path), quiet=True)
    written = lines(path)
    assert [row["chosen"][0]["content"] for row in written] == ["yes 0", "no 1", "yes 4"]
    assert [(row["target"], row["weight"], row["margin"]) for row in written] == [(1, 1, 0), (0.8, 1, 0), (1, 2, 1.5)]
    assert (result.metrics["num_pairs"], result.metrics["num_written"], result.metrics["num_quarantined"]) == (5, 3, 1)
    assert result.metrics["num_swapped"] == 1
    assert result.metrics["columns_not_read"] == {"context": len(ROWS)}
    assert result.metrics["left_out"] == {"weight_0": 1, "tie": 1, "prompt": 0, "extra": 0}
    assert result.metrics["not_expressed"] == {"target": 1, "weight": 1}
    kept = rewardsmith.export(ROWS, to="trl", ties="keep", output_file=str(path), overwrite=True, quiet=True)
    assert (kept.metrics["num_written"], kept.metrics["not_expressed"]["target"]) == (4, 2)


def test_a_refined_folder_leaves_with_its_edits_applied(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    result = rewardsmith.export(refined(tmp_path / "refined"), output_file=path, quiet=True)
    written = lines(path)
    assert [row["chosen"][0]["content"] for row in written] == ["b", "a"]
    assert [(row["edit"], row["strength_mean"], row["target"]) for row in written] == [
        ("flip", 2.0, 1.0),
        ("", 1.0, 1.0),
    ]
    assert result.metrics["left_out"]["weight_0"] == 1


def test_a_sample_of_a_refined_folder_keeps_its_edits(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    result = rewardsmith.export(refined(tmp_path / "refined"), output_file=path, max_pairs=2, quiet=True)
    assert result.metrics["num_pairs"] == 2
    assert set(lines(path)[0]) >= {"edit", "strength_mean"}


@pytest.mark.parametrize("to", ["llamafactory", "datasets"])
def test_a_folder_is_a_finished_run_that_reads_back_and_is_not_overwritten_unasked(to: str, tmp_path: Path) -> None:
    folder = tmp_path / "my set"
    for overwrite in (False, True):
        result = rewardsmith.export(ROWS, to=to, output_dir=folder, overwrite=overwrite, quiet=True)
    assert read_metrics(folder, ExportMetrics)["num_written"] == 3
    again = rewardsmith.export(folder, to="openrlhf", output_file=tmp_path / "x.jsonl", quiet=True)
    assert (again.metrics["num_rows_read"], again.metrics["num_quarantined"]) == (3, 0)
    with pytest.raises(OutputError, match="`overwrite`"):
        rewardsmith.export(ROWS, to=to, output_dir=folder, quiet=True)
    assert str(folder) in result.metrics["hint"]


def test_llamafactory_finds_the_file_under_the_name_of_the_folder(tmp_path: Path) -> None:
    rewardsmith.export(ROWS, to="llamafactory", output_dir=tmp_path / "prefs", quiet=True)
    (name, entry), *others = json.loads((tmp_path / "prefs" / "dataset_info.json").read_text()).items()
    assert (name, others) == ("prefs", [])
    assert (entry["ranking"], entry["formatting"]) == (True, "sharegpt")
    rows = lines(tmp_path / "prefs" / entry["file_name"])
    assert all(set(entry["columns"].values()) == set(row) for row in rows) and len(rows) == 3


def test_the_command_says_what_was_left_out_and_ends_with_json(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("prefs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    assert main(["export", "prefs.jsonl", "--to", "nemo_rl", "--json", "--quiet"]) == 0
    *shown, last = capsys.readouterr().out.splitlines()
    text = " ".join(" ".join(shown).split())
    for words in ("3 of 5 pairs written for NeMo-RL", "1 dropped (weight 0)", "1 ties", "1 margins: it"):
        assert words in text
    summary = json.loads(last)
    assert summary["path"] == str(Path("runs/export-nemo_rl-prefs.jsonl"))
    assert len(lines(Path(summary["path"]))) == 3


def test_nothing_to_say_is_not_said(tmp_path: Path, capsys) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n")
    assert main(["export", str(path), "--output_file", str(tmp_path / "out.jsonl"), "--quiet"]) == 0
    assert not {"Left out:", "What it cannot be told:"} & set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"to": "trl", "output_dir": "x"}, ConfigError, "is one file; name it with --output_file"),
        ({"to": "datasets", "output_file": "x.jsonl"}, ConfigError, "is a folder; name it with --output_dir"),
        ({"to": "trl", "output_file": "x.parquet"}, ConfigError, r"must end with \.jsonl"),
        ({"to": "axolotl"}, ConfigError, "to must be one of trl, openrlhf"),
        ({"to": "trl", "output_file": "there.jsonl"}, OutputError, "--overwrite"),
    ],
)
def test_what_cannot_be_done_names_its_flag(
    options: dict[str, Any], error: type[Exception], words: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.jsonl").write_text("mine")
    with pytest.raises(error, match=words):
        rewardsmith.export(ROWS, quiet=True, **options)
    assert Path("there.jsonl").read_text() == "mine"


def test_a_set_of_which_nothing_is_left_is_refused_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no pair is left to write for trl \(1 dropped \(weight 0\), 1 ties"):
        rewardsmith.export(ROWS[2:4], output_file=tmp_path / "x.jsonl", quiet=True)
    assert not (tmp_path / "x.jsonl").exists()


def test_every_consumer_can_be_named() -> None:
    from typing import get_args, get_type_hints

    assert list(get_args(get_type_hints(ExportConfig)["to"])) == list(EXPORTS)


@pytest.mark.parametrize("to", ["trl", "datasets"])
def test_what_is_read_is_never_replaced(to: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = refined(tmp_path / "refined")
    rewardsmith.export(ROWS, to=to, quiet=True, **({"output_file": "p.jsonl"} if to == "trl" else {"output_dir": "p"}))
    sources = [folder, Path("p")] if to == "datasets" else [Path("p.jsonl")]
    flag = "output_dir" if to == "datasets" else "output_file"
    for source in sources:
        place = tmp_path / "refined" / ".." / source.name
        before = {path: path.read_bytes() for path in [source, *source.rglob("*")] if path.is_file()}
        with pytest.raises(ConfigError, match=rf"--{flag} .* is read from there and would be replaced"):
            rewardsmith.export(source, to=to, overwrite=True, quiet=True, **{flag: place})
        assert {path: path.read_bytes() for path in before} == before
