"""``--second_labels`` of ``audit`` and ``evaluate``: from two files to numbers, words and evidence."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import rewardsmith
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.errors import DataError
from rewardsmith.metrics.ranking import auroc
from scored_rows import scored_rows

OPTIONS: dict[str, Any] = {"ensemble": "given", "planted_rate": 0, "stability": False, "quiet": True}


def ruling(row: dict[str, Any], outcome: str | None) -> dict[str, Any]:
    """As `judge` writes it of a labelled pair."""
    texts = {"response_first": row["chosen"], "response_second": row["rejected"]}
    prompt = [{"role": "user", "content": row["prompt"]}]
    return {"first": "chosen", "second": "rejected", "target": 1.0, "outcome": outcome, "prompt": prompt, **texts}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return scored_rows(300, skill=0.5)


@pytest.fixture(scope="module")
def wrong(rows: list[dict[str, Any]]) -> Any:
    return np.array([row["flipped"] for row in rows])


@pytest.fixture(scope="module")
def judged(rows: list[dict[str, Any]], wrong: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By a judge who is right nine times in ten: of all pairs but ten, and of one that is none of the set."""
    says = wrong ^ (np.random.default_rng(5).random(len(rows)) < 0.1)
    said = [ruling(row, "lose" if no else "win") for row, no in zip(rows[10:], says[10:], strict=True)]
    path = tmp_path_factory.mktemp("judge") / "judged.jsonl"
    write_jsonl(path, [*said, ruling(rows[0], None), ruling({**rows[0], "prompt": "another question"}, "win")])
    return path


@pytest.fixture(scope="module")
def audit(rows: list[dict[str, Any]], judged: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("audit") / "out"
    return rewardsmith.audit(rows, second_labels=str(judged), output_dir=str(folder), **OPTIONS)


def test_an_audit_counts_what_it_uses_and_what_it_does_not(audit: Any) -> None:
    found = audit.metrics["second_labels"]
    counts = {"num_covered": 290, "num_rows": 291, "num_unmatched": 1, "num_contradicted": 0, "num_quarantined": 1}
    assert {name: found[name] for name in counts} == counts
    assert found["dataset"] == "judged" and found["num_pairs"] == 290
    assert len((Path(audit.path) / "second_labels_quarantine.jsonl").read_text().splitlines()) == 1
    assert any("judged.jsonl" in name for name in read_manifest(Path(audit.path))["inputs"])


def test_agreement_is_that_of_the_two_files_and_stands_beside_the_judges(audit: Any) -> None:
    found, table = audit.metrics["second_labels"], audit.strengths
    agrees = table["second_target"].dropna() > 0.5
    assert found["agreement"]["value"] == pytest.approx(agrees.mean())
    assert found["agreement"]["low"] < found["agreement"]["value"] < found["agreement"]["high"]
    assert sum(row["count"] for row in found["by_bin"]) == 290
    by_judges = table["strength_mean"][table["second_target"].notna()] > 0
    assert found["judges_agreement"]["value"] == pytest.approx(by_judges.mean())
    assert found["judges_with_second"]["value"] == pytest.approx((by_judges == agrees).mean())


def test_a_good_second_view_finds_wrong_labels(
    audit: Any, rows: list[dict[str, Any]], wrong: Any, tmp_path: Path
) -> None:
    alone = rewardsmith.audit(rows, output_dir=str(tmp_path / "alone"), **OPTIONS)
    assert "second_labels" not in alone.metrics
    before, after = (found.strengths["p_wrong"].to_numpy() for found in (alone, audit))
    assert auroc(after[10:], wrong[10:]) > auroc(before[10:], wrong[10:]) + 0.01
    np.testing.assert_array_equal(after[:10], before[:10])  # of these it says nothing


def test_report_terminal_and_reasons_speak_of_it(audit: Any) -> None:
    assert "What second labels say" in (Path(audit.path) / "report.html").read_text(encoding="utf-8")
    console = Console(width=100, file=StringIO())
    audit.print(console)
    assert "The second labels (judged, 97% of the pairs) agree" in " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "the second label disagrees" in audit.doubtful(1)["reasons"][0]


def test_a_file_of_other_pairs_ends_the_run_before_it_begins(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_jsonl(tmp_path / "other.jsonl", [ruling({**rows[0], "prompt": "another question"}, "win")])
    with pytest.raises(DataError, match=r"`second_labels` .*other.jsonl: none of its 1 pairs"):
        rewardsmith.audit(
            rows, second_labels=str(tmp_path / "other.jsonl"), output_dir=str(tmp_path / "out"), **OPTIONS
        )
    assert not (tmp_path / "out").exists()
