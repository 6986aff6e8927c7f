"""`rewardsmith show` on a real audit, by way of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import rewardsmith
from rewardsmith.artifacts.runs.manifest import MANIFEST
from rewardsmith.artifacts.runs.metrics_file import METRICS
from rewardsmith.cli.main import main
from rewardsmith.workflows.inputs.audit_folder import STRENGTHS
from scored_rows import scored_rows

GIVEN: dict[str, Any] = {"ensemble": "given", "stability": False, "quiet": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bad = {"prompt": "q", "chosen": "", "rejected": "something"}
    rows = scored_rows(300)
    path = tmp_path_factory.mktemp("shown") / "audit"
    rows = [*rows[:100], bad, *rows[100:]]
    found = rewardsmith.audit(rows, near_duplicates="off", output_dir=str(path), **GIVEN)
    assert found.metrics["claim"]["level"] == "labels_judged"
    return path


def document(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main(["show", *map(str, words), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def text(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["show", *map(str, words)]) == 0
    return " ".join(capsys.readouterr().out.split())


def complaint(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["show", *map(str, words)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def at_level(folder: Path, target: Path, level: str) -> Path:
    """The same folder as an audit that says less would have left it."""
    from rewardsmith.artifacts.files.atomic import write_json
    from rewardsmith.artifacts.files.fingerprints import fingerprint_file

    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    metrics = json.loads((target / METRICS).read_text())
    metrics["claim"] = {"level": level, "doubts": ["finds_no_flips"]}
    write_json(target / METRICS, metrics)
    manifest = json.loads((target / MANIFEST).read_text())
    manifest["outputs"][METRICS] = fingerprint_file(target / METRICS)
    write_json(target / MANIFEST, manifest)
    return target


def test_the_most_doubtful_come_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, folder, "--top", 7)
    strengths = pq.read_table(folder / STRENGTHS).to_pandas()
    assert [pair["row"] for pair in found["pairs"]] == strengths.nlargest(7, "p_wrong")["row"].tolist()
    assert (found["num_pairs"], found["num_matching"]) == (300, 300)
    assert "4 of 4 judges prefer the rejected response" in found["pairs"][0]["reasons"]


def test_a_reader_gets_the_same_pairs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = document(capsys, folder, "--top", 1)["pairs"][0]
    said = text(capsys, folder, "--top", 1)
    for words in (f"row {first['row']}", "1 of 300 pairs, most doubtful first", first["chosen"].split()[0]):
        assert words in said
    assert "299 more: pass a larger --top" in said


def test_ambiguous_pairs_go_by_their_distance_from_zero(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, folder, "--class", "ambiguous", "--top", 1000)
    sizes = [abs(pair["strength_mean"]) for pair in found["pairs"]]
    assert len(sizes) == found["classes"]["ambiguous"] > 1
    assert sizes == sorted(sizes)
    assert {pair["class"] for pair in found["pairs"]} == {"ambiguous"}
    assert "nearest to 0 first" in text(capsys, folder, "--class=ambiguous", "--top", 1)


def test_class_and_category_together_narrow(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, folder, "--category", "odd", "--class", "strong", "--top", 1000)
    assert {(pair["category"], pair["class"]) for pair in found["pairs"]} == {("odd", "strong")}
    doubts = [pair["p_wrong"] for pair in found["pairs"]]
    assert doubts == sorted(doubts, reverse=True)


def test_one_row_by_its_place_in_the_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pair,) = document(capsys, folder, "--row", 101)["pairs"]
    assert pair["row"] == 101
    assert pair["chosen"] == "one answer to 100"


def test_an_unknown_class_category_or_row_is_told_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = complaint(capsys, folder, "--class", "ambigous")
    assert "--class 'ambigous' is none of the classes. Did you mean ambiguous? Classes: incorrect " in said
    assert "Did you mean even? Categories: " in complaint(capsys, folder, "--category", "evn")
    assert "rows 0 to 300 of the input, counted from 0. Did you mean --row 300?" in complaint(
        capsys, folder, "--row", 999
    )
    assert "--row 100 is no pair: it was quarantined" in complaint(capsys, folder, "--row", 100)


def test_options_that_contradict_each_other_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--row 3 names one pair" in complaint(capsys, folder, "--row", 3, "--class", "strong")
    assert "--top 0 must be at least 1" in complaint(capsys, folder, "--top", 0)
    assert "--audit_dir is missing" in complaint(capsys)


def test_no_category_at_all_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{name: value for name, value in row.items() if name != "category"} for row in scored_rows(120)]
    result = rewardsmith.audit(rows, planted_rate=0, output_dir=str(tmp_path / "a"), **GIVEN)
    assert "this set has no categories" in complaint(capsys, result.path, "--category", "x")


def test_nothing_found_says_what_there_is(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "category": "rare" if i == 0 else "usual"} for i, row in enumerate(scored_rows(200))]
    audit = rewardsmith.audit(rows, planted_rate=0, output_dir=str(tmp_path / "a"), **GIVEN)
    own = audit.strengths["strength_class"][0]
    other = next(name for name in ("strong", "normal", "ambiguous") if name != own)
    said = text(capsys, audit.path, "--category", "rare", "--class", other)
    assert f"no pairs of class {other} of category rare" in said
    assert "Classes: incorrect " in said and "Categories: usual 199, rare 1." in said


def test_how_much_may_be_claimed_is_said_first(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for level, words in (
        ("cannot_tell", "these pairs are in no trustworthy order."),
        ("reading_order", "p_wrong ranks these pairs for reading; no label is called wrong."),
    ):
        said = text(capsys, at_level(folder, tmp_path / level, level), "--top", 1)
        assert words in said[: said.index("row ")]
    said = text(capsys, folder, "--top", 1)
    assert "trustworthy" not in said and "no label is called wrong" not in said


def test_ties_come_last_and_are_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = scored_rows(120)
    for row in rows[:5]:
        row["target"] = 0.5
    audit = rewardsmith.audit(rows, planted_rate=0, output_dir=str(tmp_path / "a"), **GIVEN)
    found = document(capsys, audit.path, "--top", 120)["pairs"]
    assert sorted(pair["row"] for pair in found[-5:]) == [0, 1, 2, 3, 4]
    assert found[-1]["p_wrong"] is None and found[-1]["reasons"][0] == "the label calls a tie"
    assert np.isfinite([pair["p_wrong"] for pair in found[:-5]]).all()


def test_another_verbs_folder_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not the folder of a finished run" in complaint(capsys, tmp_path)
