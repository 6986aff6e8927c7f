"""`train --noise_aware`: from an audit's error rates to the loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rewardsmith
from claimed_audit import claimed
from rewardsmith.artifacts.terminal.progress import set_quiet
from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.tables import ERROR_RATES
from rewardsmith.errors import ConfigError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.label_noise import error_rates
from rewardsmith.strength.label_noise.error_rates import with_error_rates
from rewardsmith.workflows.inputs.audit_folder import read_audit, refuse_another_version
from tiny_reward_models import rows_with_a_category_that_errs, some_rows

NUM_PAIRS = 160


def by_audit(pairs: pa.Table, folder: str) -> pa.Table:
    """The pairs with the error rates of an audit."""
    audit = read_audit(folder)
    return with_error_rates(pairs, audit.pairs, audit.strengths, audit.share_wrong, folder)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return rows_with_a_category_that_errs(NUM_PAIRS)


@pytest.fixture(scope="module")
def audited(rows: list[dict[str, Any]], tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("audit") / "out")
    options = {"max_length": 128, "num_judges": 2, "device": "cpu", "planted_rate": 0, "quiet": True}
    rewardsmith.audit(rows, model_name_or_path=str(tiny_llama), stability=False, output_dir=folder, **options)
    return folder


def test_the_category_that_errs_has_the_higher_rates(
    audited: str, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = np.stack([pq.read_table(f"{audited}/strengths.parquet")[name].to_numpy() for name in ERROR_RATES], axis=1)
    wrong = np.array([row["category"] == "wrong" for row in rows])
    assert rates[wrong].mean() > rates[~wrong].mean() + 0.2
    pairs = load_preferences(rows, DataOptions()).table
    highest = float(np.median(rates[wrong]))
    monkeypatch.setattr(error_rates, "HIGHEST_RATE", highest)
    found = by_audit(pairs, audited)
    learned = np.stack([found[name].to_numpy() for name in ERROR_RATES], axis=1)
    np.testing.assert_allclose(learned, np.minimum(rates, highest))
    assert (learned == np.float32(highest)).any() and (rates > highest).any()


def test_labels_given_after_the_audit_count_as_right(audited: str, rows: list[dict[str, Any]], capsys: Any) -> None:
    set_quiet(False)
    flipped = [{**row, "target": 0.0} if i == 3 else row for i, row in enumerate(rows[:20])]
    pairs = load_preferences([*flipped, {"prompt": "new", "chosen": "one", "rejected": "two"}], DataOptions()).table
    found = by_audit(pairs, audited)
    zero = (found["error_rate_chosen"].to_numpy() == 0) & (found["error_rate_rejected"].to_numpy() == 0)
    assert np.flatnonzero(zero).tolist() == [3, 20]
    assert "2 pairs were not audited with this label" in capsys.readouterr().err


@pytest.mark.slow
def test_the_model_learns_less_from_doubtful_labels(
    audited: str, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"model_name_or_path": str(tiny_llama), "max_length": 128, "device": "cpu", "quiet": True}
    options |= {"learning_rate": 3e-3, "num_train_epochs": 3}
    knows = rewardsmith.train(rows, noise_aware=audited, output_dir=str(tmp_path / "knows"), **options)
    plain = rewardsmith.train(rows, output_dir=str(tmp_path / "plain"), **options)
    log = [json.loads(line) for line in (Path(knows.path) / "metrics.jsonl").read_text().splitlines()]
    assert 0.05 < log[-1]["label_change"] < 0.6
    gaps = []
    for trained in (knows, plain):
        found = rewardsmith.evaluate(
            rows, reward_model_path=trained.path, output_dir=f"{trained.path}-seen", quiet=True
        )
        gaps.append(next(each["gap_mean"] for each in found.metrics["by_category"] if each["name"] == "wrong"))
    assert gaps[0] < gaps[1] - 1
    manifest = json.loads((Path(knows.path) / "manifest.json").read_text())
    assert f"{audited}/strengths.parquet" in manifest["inputs"]


def test_without_the_structured_audit_every_label_errs_alike(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    gap = np.abs(rng.normal(size=(200, 1))) * 3 * np.where(rng.random((200, 1)) < 0.2, -1, 1)
    scores = gap + rng.normal(size=(200, 4)) * 0.2
    rows = [
        {**row, "chosen_score_list": own.tolist(), "rejected_score_list": [0.0] * 4}
        for row, own in zip(some_rows(200), scores, strict=True)
    ]
    folder = str(tmp_path / "audit")
    rewardsmith.audit(rows, ensemble="given", output_dir=folder, quiet=True)
    set_quiet(False)
    found = by_audit(load_preferences(rows, DataOptions()).table, folder)
    share = np.float32(read_audit(folder).share_wrong)
    assert 0.1 < share < 0.3
    assert all((found[name].to_numpy() == share).all() for name in ERROR_RATES)
    assert "the share of wrong labels" in capsys.readouterr().err


@pytest.mark.parametrize("level", ["labels_judged", "reading_order", "cannot_tell"])
def test_rates_of_an_audit_that_judges_no_labels_are_used_with_one_line(
    level: ClaimLevel, audited: str, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path, capsys: Any
) -> None:
    audit = claimed(audited, tmp_path / "a", level)
    options: dict[str, Any] = {"model_name_or_path": str(tiny_llama), "max_length": 64, "device": "cpu", "max_steps": 1}
    rewardsmith.train(rows[:16], noise_aware=str(audit), output_dir=str(tmp_path / "t"), **options)
    said = capsys.readouterr().err
    assert said.count("its error rates are used as asked") == (level != "labels_judged")
    assert "Labels err at rates from" in said


def test_the_audit_of_another_set_is_refused(audited: str) -> None:
    pairs = load_preferences([{"prompt": "q", "chosen": "one", "rejected": "two"}], DataOptions()).table
    with pytest.raises(ConfigError, match="none of these pairs"):
        by_audit(pairs, audited)


def given_audit(data: Path, folder: Path) -> str:
    scored = [{**row, "chosen_score_list": [2.0, 1.0, 1.5], "rejected_score_list": [0.0] * 3} for row in some_rows(40)]
    data.write_text("".join(json.dumps(row) + "\n" for row in scored))
    rewardsmith.audit(str(data), ensemble="given", output_dir=str(folder), planted_rate=0, stability=False, quiet=True)
    return str(folder)


def test_another_version_of_the_audited_set_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "prefs.jsonl"
    folder = given_audit(data, tmp_path / "a")
    lines = data.read_text().splitlines(keepends=True)
    part, grown = tmp_path / "part.jsonl", tmp_path / "grown.jsonl"
    part.write_text("".join(lines[:9]))
    grown.write_text("".join(lines) + lines[0].replace('chosen": "', 'chosen": "new '))
    audit = read_audit(folder)

    def tried(path: Path) -> None:
        refuse_another_version(audit, "--noise_aware", load_preferences(str(path), DataOptions()))

    tried(data)
    tried(part)
    with pytest.raises(ConfigError, match=r"1 of the 41 pairs of grown do not stand there"):
        rewardsmith.train(str(grown), noise_aware=folder, output_dir=str(tmp_path / "t"), quiet=True)
    data.write_text("".join(lines[:-1]))
    with pytest.raises(ConfigError, match=r"prefs.jsonl has changed since it was audited"):
        tried(data)
    data.unlink()
    tried(part)


def test_two_ways_of_changing_labels_exclude_each_other(tmp_path: Path) -> None:
    both: dict[str, Any] = {"noise_aware": "a", "data_smoothing": 0.1, "num_train_epochs": 2}
    with pytest.raises(ConfigError, match="exclude each other"):
        rewardsmith.train(some_rows(8), output_dir=str(tmp_path / "t"), quiet=True, **both)
