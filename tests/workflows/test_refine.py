"""`refine` and `undo` on the folder of an audit of given scores, which needs no model.

One file because all of it reads the same few audited folders, made once.
"""

import datetime
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors.torch import load_file

import rewardsmith
from claimed_audit import claimed
from rewardsmith.artifacts.runs.manifest import amend_output
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.cli.main import main
from rewardsmith.contracts.metrics.refine import RefineMetrics
from rewardsmith.errors import ConfigError, DataError, OutputError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.refining.recipe import load_recipe, recipe_names
from rewardsmith.refining.supervision import Supervision

NUM_PAIRS = 120
COLUMNS = ("target", "margin", "weight", "swapped", "rules")


def rows(num_pairs: int = NUM_PAIRS) -> list:
    """Scored pairs, the first fifth of them doubtful; two rows that cannot be used."""
    rng = np.random.default_rng(0)
    found: list = []
    for i in range(num_pairs):
        gap = (-2.0 if i < num_pairs // 5 else 1.5) + rng.normal(0, 0.3, 4)
        found.append(
            {
                "prompt": f"Question {i}?",
                "chosen": f"Good answer {i}" + " indeed" * (i % 3),
                "rejected": f"Bad {i}",
                "category": "even" if i % 2 == 0 else "odd",
                "annotator_id": f"ann{i % 3}",
                "votes": {"chosen": 2, "rejected": i % 2, "tie": 0},
                "chosen_score_list": [round(float(g), 3) for g in gap],
                "rejected_score_list": [0.0] * 4,
                "note": 1.50,
            }
        )
    found.insert(5, {"prompt": "only a prompt"})
    found.append(7)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "prefs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    return path


def audited(source: Path, folder: Path, **options: object) -> Path:
    options = {"ensemble": "given", "planted_rate": 0, "stability": False, "quiet": True, **options}
    rewardsmith.audit(str(source), output_dir=str(folder), **options)
    return folder


@pytest.fixture(scope="module")
def audit_dir(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited(source, tmp_path_factory.mktemp("audit") / "a")


@pytest.fixture(scope="module")
def in_sample_dir(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited(source, tmp_path_factory.mktemp("audit") / "b", crossfit="none")


def test_an_audit_of_another_version_of_the_set_is_refused(tmp_path: Path):
    data = tmp_path / "prefs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows(40)))
    folder = audited(data, tmp_path / "a")
    with data.open("a") as file:
        file.write("{}\n")
    with pytest.raises(ConfigError, match=r"--audit_dir .*/a: .*prefs.jsonl has changed since it was audited"):
        rewardsmith.refine(folder, output_dir=tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()
    data.unlink()  # the audit stands for itself
    rewardsmith.refine(folder, output_dir=tmp_path / "r", quiet=True)


def test_the_folder_holds_what_it_promises(audit_dir: Path, tmp_path: Path):
    result = rewardsmith.refine(audit_dir, output_dir=tmp_path / "r", quiet=True)
    names = {path.name for path in (tmp_path / "r").iterdir() if not path.name.startswith(".")}
    assert names == {
        *("ledger.parquet", "train.jsonl", "recipe.yaml", "quarantine.jsonl"),
        *("metrics.json", "report.html", "manifest.json"),
    }
    ledger = pq.read_table(tmp_path / "r" / "ledger.parquet")
    assert ledger.equals(result.ledger)
    assert len(ledger) == NUM_PAIRS == result.metrics["pairs"]["num_pairs"]
    assert (tmp_path / "r" / "quarantine.jsonl").read_bytes() == (audit_dir / "quarantine.jsonl").read_bytes()
    assert yaml.safe_load((tmp_path / "r" / "recipe.yaml").read_text())["name"] == "none"
    assert "the audit changes nothing: it has no p_wrong_structured" in (tmp_path / "r" / "report.html").read_text()
    assert json.loads((tmp_path / "r" / "manifest.json").read_text())["inputs"]["recipe"].startswith("sha256:")


@pytest.mark.parametrize("recipe", [n for n in recipe_names() if n != "decisions" and "structured" not in n])
def test_every_recipe_can_be_undone(recipe, source: Path, audit_dir: Path, in_sample_dir: Path, tmp_path: Path):
    audit = in_sample_dir if recipe.startswith("paper_") else audit_dir
    result = rewardsmith.refine(audit, recipe=recipe, output_dir=tmp_path / "r", quiet=True)
    pairs, train = result.metrics["pairs"], result.metrics["train_file"]
    assert pairs["num_unchanged"] + pairs["num_changed"] == NUM_PAIRS
    assert train["num_rows"] + sum(train["left_out"].values()) == NUM_PAIRS
    assert len((tmp_path / "r" / "train.jsonl").read_text().splitlines()) == train["num_rows"]
    with pytest.raises(ConfigError, match="would be replaced"):
        rewardsmith.undo(tmp_path / "r", tmp_path / "r" / "ledger.parquet", overwrite=True)
    back = rewardsmith.undo(tmp_path / "r", tmp_path / "back.jsonl")
    assert (tmp_path / "back.jsonl").read_bytes() == source.read_bytes()
    assert (back.num_rows, back.num_quarantined, back.num_not_sampled) == (NUM_PAIRS + 2, 2, 0)


@pytest.mark.parametrize("recipe", ["structured_soft_label", "structured_drop", "structured_flip_wrong"])
def test_what_only_the_structured_audit_knows_is_not_guessed(recipe, audit_dir: Path, tmp_path: Path):
    with pytest.raises(DataError, match=f"recipe {recipe}, rule 1 .*: the audit has no p_wrong_structured"):
        rewardsmith.refine(audit_dir, recipe=recipe, output_dir=tmp_path / "r", quiet=True)


def test_what_other_trainers_read_is_the_ledger_with_its_flips_done(audit_dir: Path, tmp_path: Path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "rules:\n- {rule: flip, where: {strength_quantile: [0, 0.1]}}\n- rule: adaptive_margin\n"
        "- {rule: drop, where: {category: [odd], p_wrong: [0.5, null]}}\n"
        "- {rule: tie, where: {strength_quantile: [0.95, 1]}}\n"
    )
    result = rewardsmith.refine(audit_dir, recipe=str(recipe), output_dir=tmp_path / "r", quiet=True)
    ledger = Supervision.of(result.ledger)
    flipped, ties = ledger.target < 0.5, ledger.target == 0.5
    expected_of = {
        "target": np.where(flipped, 1 - ledger.target, ledger.target),
        "margin": np.where(flipped, -ledger.margin, ledger.margin),
        "weight": ledger.weight,
    }
    kept = (ledger.weight > 0) & ~ties  # TRL would take the order of a tie for a preference
    read = load_preferences(str(tmp_path / "r" / "train.jsonl"), DataOptions()).table
    assert len(read) == kept.sum() == result.metrics["train_file"]["num_rows"] < NUM_PAIRS
    for name, expected in expected_of.items():
        np.testing.assert_allclose(read[name].to_numpy(), expected[kept], rtol=1e-6, err_msg=name)
    assert flipped[kept].any()
    for side, other in (("chosen", "rejected"), ("rejected", "chosen")):
        texts, swapped = (result.ledger[name].to_pylist() for name in (side, other))
        texts = [two if flip else one for one, two, flip in zip(texts, swapped, flipped, strict=True)]
        assert read[side].to_pylist() == [text for text, keep in zip(texts, kept, strict=True) if keep]
    line = json.loads((tmp_path / "r" / "train.jsonl").read_text().splitlines()[0])
    allowed = {"prompt", "chosen", "rejected", "margin", "target", "weight", "strength_mean", "strength_std", "edit"}
    assert set(line) <= allowed | {"source", "category", "annotator_id", "prompt_id", "pair_id"}
    ids = result.ledger["pair_id"].filter(kept).to_pylist()
    lines = (tmp_path / "r" / "train.jsonl").read_text().splitlines()
    assert [json.loads(text)["pair_id"] for text in lines] == ids
    left_out = {"weight_0": int((ledger.weight == 0).sum()), "tie": int((ties & (ledger.weight > 0)).sum())}
    assert result.metrics["train_file"]["left_out"] == left_out and left_out["tie"] == 6
    assert "train.jsonl leaves 6 ties out" in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.parametrize("name", ["pairs.parquet", "strengths.parquet", "quarantine.jsonl", "metrics.json"])
def test_an_audit_that_was_changed_is_refused_and_named(name, source: Path, audit_dir: Path, tmp_path: Path):
    copy = tmp_path / "audit"
    shutil.copytree(audit_dir, copy)
    (copy / name).write_bytes((copy / name).read_bytes() + b"\n")
    with pytest.raises(OutputError, match=rf"{name} has changed since .* Run `audit` again"):
        rewardsmith.refine(copy, output_dir=tmp_path / "r", quiet=True)
    (copy / name).unlink()
    with pytest.raises(OutputError, match=rf"{name} is missing"):
        rewardsmith.refine(copy, output_dir=tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()


def test_an_audit_by_another_version_is_refused_and_the_difference_named(audit_dir: Path, tmp_path: Path):
    copy = Path(shutil.copytree(audit_dir, tmp_path / "audit"))
    metrics = json.loads((copy / "metrics.json").read_text())
    del metrics["strength"]["classes"]["strong"]
    (copy / "metrics.json").write_text(json.dumps(metrics))
    amend_output(copy / "metrics.json")
    with pytest.raises(OutputError, match="strength.classes.strong is missing.*run `audit` again"):
        rewardsmith.refine(copy, output_dir=tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()


def test_an_audit_that_knows_no_level_of_claim_is_to_be_made_again(audit_dir: Path, tmp_path: Path, capsys):
    copy = Path(shutil.copytree(audit_dir, tmp_path / "audit"))
    metrics = json.loads((copy / "metrics.json").read_text())
    del metrics["claim"]
    (copy / "metrics.json").write_text(json.dumps(metrics))
    amend_output(copy / "metrics.json")
    assert main(["refine", "--audit_dir", str(copy), "--output_dir", str(tmp_path / "r")]) == 2
    assert "metrics.json: claim is missing." in (said := " ".join(capsys.readouterr().err.split()))
    assert "run `audit` again" in said and not (tmp_path / "r").exists()


@pytest.mark.parametrize("level", ["labels_judged", "reading_order", "cannot_tell"])
def test_a_named_recipe_is_applied_as_asked_with_one_line_where_labels_are_not_judged(
    level, audit_dir: Path, tmp_path: Path, capsys
):
    audit = claimed(audit_dir, tmp_path / "a", level)
    command = ["refine", "--audit_dir", str(audit), "--recipe", "flip+margin", "--output_dir", str(tmp_path / "r")]
    assert main([*command, "--json"]) == 0
    shown = capsys.readouterr()
    warned = [line for line in shown.err.splitlines() if "applied as asked" in line]
    found = json.loads(shown.out.splitlines()[-1])
    assert found["audited"]["level"] == level
    assert found["audited"]["warnings"] == warned and len(warned) == (level != "labels_judged")
    assert all(line in (tmp_path / "r" / "report.html").read_text() for line in warned)
    assert found["pairs"]["num_turned"] == NUM_PAIRS // 10
    words = " ".join(shown.out.split())
    doubted = (pq.read_table(audit / "strengths.parquet")["p_wrong"].to_numpy() > 0.5).sum()
    assert "12 labels flipped" in words and doubted > 12
    assert {
        "labels_judged": f"The audit doubts {doubted} labels (p_wrong over 0.5): 12 of them were flipped.",
        "reading_order": f"calls no label wrong; p_wrong is over 0.5 for {doubted} pairs: 12 of them were flipped.",
        "cannot_tell": "The audit cannot tell which labels are wrong, and doubts none.",
    }[level] in words


@pytest.mark.parametrize("recipe", ["votes", "smooth"])
def test_a_recipe_that_asks_no_judge_goes_by_no_claim(recipe, audit_dir: Path, tmp_path: Path, capsys):
    audit = claimed(audit_dir, tmp_path / "a", "cannot_tell")
    result = rewardsmith.refine(audit, recipe=recipe, output_dir=tmp_path / "r")
    assert result.metrics["audited"]["warnings"] == [] and "as asked" not in capsys.readouterr().err


def test_a_recipe_for_a_class_that_no_pair_has_says_that_it_is_for_nobody(audit_dir: Path, tmp_path: Path, capsys):
    assert json.loads((audit_dir / "metrics.json").read_text())["claim"]["level"] == "reading_order"
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("rules:\n- {rule: drop, where: {strength_class: [incorrect]}}\n")
    result = rewardsmith.refine(audit_dir, recipe=str(recipe), output_dir=tmp_path / "r")
    assert result.metrics["pairs"]["num_changed"] == 0
    said = capsys.readouterr().err
    assert "Rule 1 (drop) asks for strength_class incorrect, which no pair has, and is for nobody." in said


def test_decisions_are_followed_by_default_where_the_audit_cannot_tell(audit_dir: Path, tmp_path: Path):
    (tmp_path / "decided.csv").write_text("row,decision\n0,flip\n")
    audit = claimed(audit_dir, tmp_path / "a", "cannot_tell")
    result = rewardsmith.refine(audit, decisions=str(tmp_path / "decided.csv"), output_dir=tmp_path / "r", quiet=True)
    assert result.metrics["pairs"]["num_changed"] == 1 and result.ledger["target"][0].as_py() == 0
    assert "the audit changes nothing: it cannot tell" in result.metrics["recipe"]["why"]


@pytest.mark.real_data
def test_a_set_of_which_its_judges_know_nothing_is_left_as_it_is(
    real_data: Path, tiny_llama: Path, tmp_path: Path, capsys
):
    options = {
        "model_name_or_path": str(tiny_llama),
        "max_length": 64,
        "num_judges": 2,
        "stability": False,
        "device": "cpu",
    }
    audit = rewardsmith.audit(
        str(real_data / "hh_rlhf"), max_pairs=100, quiet=True, output_dir=str(tmp_path / "a"), **options
    )
    assert audit.metrics["claim"] == {"level": "cannot_tell", "doubts": ["finds_no_flips"]}
    assert audit.strengths["strength_class"].isna().all()
    assert main(["refine", "--audit_dir", audit.path, "--output_dir", str(tmp_path / "r")]) == 0
    assert "its judges do not find labels flipped on purpose" in " ".join(capsys.readouterr().out.split())
    pairs, ledger = (pq.read_table(path) for path in (tmp_path / "a/pairs.parquet", tmp_path / "r/ledger.parquet"))
    assert all(ledger[name].equals(pairs[name]) for name in ("target", "margin", "weight"))
    assert len((tmp_path / "r" / "train.jsonl").read_text().splitlines()) == len(pairs)


def test_undo_refuses_a_ledger_that_was_changed(audit_dir: Path, tmp_path: Path):
    rewardsmith.refine(audit_dir, output_dir=tmp_path / "r", quiet=True)
    ledger = tmp_path / "r" / "ledger.parquet"
    pq.write_table(pq.read_table(ledger).slice(1), ledger)
    with pytest.raises(OutputError, match="ledger.parquet has changed"):
        rewardsmith.undo(tmp_path / "r", tmp_path / "back.jsonl")
    assert not (tmp_path / "back.jsonl").exists()


def test_decisions_are_followed_whatever_the_recipe(audit_dir: Path, tmp_path: Path):
    decided = tmp_path / "decided.jsonl"
    words = ["keep", "flip", "tie", "drop"]
    decided.write_text("".join(json.dumps({"row": row, "decision": w}) + "\n" for row, w in enumerate(words)))
    options = {"recipe": "soft_label", "output_dir": tmp_path / "r", "quiet": True}
    result = rewardsmith.refine(audit_dir, decisions=str(decided), **options)
    found = result.ledger.slice(0, 5).to_pydict()
    assert found["target"][:3] == [1.0, 0.0, 0.5]
    assert found["weight"][:4] == [1.0, 1.0, 1.0, 0.0]
    assert found["rules"][0] == ["soft_label", "decisions"] and found["rules"][4] == ["soft_label"]
    assert found["reason"][3].endswith("; dropped by a person")
    recipe = yaml.safe_load((tmp_path / "r" / "recipe.yaml").read_text())
    assert [rule["rule"] for rule in recipe["rules"]] == ["soft_label", "decisions"]
    inputs = json.loads((tmp_path / "r" / "manifest.json").read_text())["inputs"]
    assert inputs["recipe"] == load_recipe(str(tmp_path / "r" / "recipe.yaml")).fingerprint
    assert inputs["recipe"] == result.metrics["recipe"]["fingerprint"]
    assert inputs["recipe"].encode() == result.ledger.schema.metadata[b"recipe_fingerprint"]
    assert inputs[str(decided)].startswith("sha256:")


def test_decisions_are_followed_by_a_recipe_that_only_looks_at_them(audit_dir: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "decided.csv").write_text("row,decision\n0,flip\n1,keep\n")
    recipe = tmp_path / "trusted.yaml"
    recipe.write_text("rules:\n- {rule: reweight, by: constant, factor: 3, where: {decision: [keep, flip]}}\n")
    options = {"recipe": str(recipe), "quiet": True}
    result = rewardsmith.refine(audit_dir, decisions="~/decided.csv", output_dir=tmp_path / "r", **options)
    assert result.ledger["rules"].to_pylist()[:3] == [["reweight", "decisions"], ["reweight", "decisions"], []]
    assert result.ledger["target"].to_pylist()[:3] == [0.0, 1.0, 1.0]
    with pytest.raises(DataError, match=r"rule 1 \(reweight\): `where` asks for a person's decisions"):
        rewardsmith.refine(audit_dir, output_dir=tmp_path / "s", **options)
    with pytest.raises(DataError, match="`decisions` nobody/decided: there is no such file"):
        rewardsmith.refine(audit_dir, decisions="nobody/decided", output_dir=tmp_path / "s", **options)


def test_strengths_in_sample_only_need_to_be_asked_for(in_sample_dir: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"recipe soft_label, rule 1 \(soft_label\): every .*`recipe` paper_flip"):
        rewardsmith.refine(in_sample_dir, recipe="soft_label", output_dir=tmp_path / "r", quiet=True)
    assert not (tmp_path / "r" / "unfinished.json").exists()
    result = rewardsmith.refine(in_sample_dir, recipe="paper_flip", output_dir=tmp_path / "r", quiet=True)
    assert np.array(result.ledger["swapped"]).sum() == NUM_PAIRS // 10
    assert "in-sample strength" in result.ledger["reason"][0].as_py()


def test_a_sampled_audit_says_what_never_came_in(source: Path, tmp_path: Path):
    audit = audited(source, tmp_path / "audit", max_pairs=50)
    rewardsmith.refine(audit, recipe="drop", output_dir=tmp_path / "r", quiet=True)
    back = rewardsmith.undo(tmp_path / "r", tmp_path / "back.jsonl")
    assert (back.num_rows, back.num_not_sampled) == (52, NUM_PAIRS - 50)
    given = source.read_text().splitlines()
    lines = (tmp_path / "back.jsonl").read_text().splitlines()
    assert len(lines) == 52 and lines == [line for line in given if line in set(lines)]


def test_undo_says_what_it_cannot_give_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    dated = [{**row, "when": datetime.date(2026, 1, 1)} if i < 3 else row for i, row in enumerate(rows()[6:-1])]
    options = {"ensemble": "given", "planted_rate": 0, "stability": False, "quiet": True}
    rewardsmith.audit(dated, output_dir=str(tmp_path / "a"), **options)
    rewardsmith.refine(tmp_path / "a", output_dir=tmp_path / "r", quiet=True)
    back = str(tmp_path / "b.jsonl")
    assert main(["undo", "--refined_dir", str(tmp_path / "r"), "--output_file", back, "--json"]) == 0
    shown = capsys.readouterr().out
    assert "3 of them held what JSON has no word for" in " ".join(shown.split())
    assert json.loads(shown.splitlines()[-1])["num_kept_as_text"] == 3


def test_undoing_what_was_made_of_a_refined_folder_says_whose_rows_come_back(source, audit_dir, tmp_path, capsys):
    rewardsmith.refine(audit_dir, recipe="flip", output_dir=tmp_path / "r", quiet=True)
    again = audited(tmp_path / "r", tmp_path / "a")
    rewardsmith.refine(again, recipe="drop", output_dir=tmp_path / "s", quiet=True)
    back = str(tmp_path / "b.jsonl")
    assert main(["undo", "--refined_dir", str(tmp_path / "s"), "--output_file", back, "--json"]) == 0
    shown = capsys.readouterr().out
    assert "the rows of the set that the folder was made from" in " ".join(shown.split())
    assert json.loads(shown.splitlines()[-1])["of_refined_folder"] is True
    given = source.read_text().splitlines()
    assert (tmp_path / "b.jsonl").read_text().splitlines() == [*given[:5], *given[6:-1]]
    assert not rewardsmith.undo(tmp_path / "r", tmp_path / "c.jsonl").of_refined_folder


def test_the_wrong_folder_is_told(audit_dir: Path, tmp_path: Path):
    rewardsmith.refine(audit_dir, output_dir=tmp_path / "r", quiet=True)
    with pytest.raises(ConfigError, match="holds the results of `refine`, not those of `audit`"):
        rewardsmith.refine(tmp_path / "r", output_dir=tmp_path / "s", quiet=True)
    with pytest.raises(ConfigError, match="holds the results of `audit`, not those of `refine`"):
        rewardsmith.undo(audit_dir, tmp_path / "back.jsonl")
    with pytest.raises(OutputError, match="is not the folder of a finished run"):
        rewardsmith.refine(tmp_path / "nowhere", output_dir=tmp_path / "s", quiet=True)
    with pytest.raises(ConfigError, match="--rounds 0"):
        rewardsmith.refine(audit_dir, rounds=0, output_dir=tmp_path / "s", quiet=True)
    (tmp_path / "back.jsonl").write_text("mine")
    with pytest.raises(OutputError, match="back.jsonl exists"):
        rewardsmith.undo(tmp_path / "r", tmp_path / "back.jsonl")


def test_the_commands_speak(audit_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = str(tmp_path / "r")
    command = ["refine", "--audit_dir", str(audit_dir), "--recipe", "flip+margin", "--output_dir", folder, "--json"]
    assert main([*command, "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "12 labels flipped" in shown
    summary = json.loads(shown.splitlines()[-1])
    assert summary["rules"][0]["num_changed"] == 12
    assert main(["undo", "--refined_dir", folder, "--output_file", str(tmp_path / "back.jsonl")]) == 0
    assert f"{NUM_PAIRS + 2} rows, 2 of them quarantined" in " ".join(capsys.readouterr().out.split())
    assert main(["refine", "--audit_dir", str(audit_dir), "--recipe", "flipp", "--output_dir", folder]) == 2
    assert "Did you mean flip?" in capsys.readouterr().err


def test_a_finished_folder_is_not_overwritten_unasked(audit_dir: Path, tmp_path: Path):
    rewardsmith.refine(audit_dir, output_dir=tmp_path / "r", quiet=True)
    with pytest.raises(OutputError, match="`overwrite`"):
        rewardsmith.refine(audit_dir, recipe="drop", output_dir=tmp_path / "r", quiet=True)
    rewardsmith.refine(audit_dir, recipe="drop", output_dir=tmp_path / "r", overwrite=True, quiet=True)
    assert read_metrics(tmp_path / "r", RefineMetrics)["recipe"]["name"] == "drop"


def test_the_audit_is_never_replaced_by_what_is_made_of_it(audit_dir: Path, tmp_path: Path):
    shutil.copytree(audit_dir, tmp_path / "a")
    with pytest.raises(ConfigError, match=r"--output_dir .*a is read from there and would be replaced"):
        rewardsmith.refine(tmp_path / "a", output_dir=tmp_path / "b" / ".." / "a", overwrite=True, quiet=True)
    assert (tmp_path / "a" / "pairs.parquet").exists() and (tmp_path / "a" / "manifest.json").exists()


def test_training_on_the_folder_is_training_on_the_exported_file(
    source: Path, audit_dir: Path, tiny_llama: Path, tmp_path: Path
):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "rules:\n- {rule: flip, where: {strength_quantile: [0, 0.1]}}\n- rule: adaptive_margin\n- rule: smooth\n"
        "- {rule: drop, where: {category: [odd], p_wrong: [0.5, null]}}\n"
    )
    rewardsmith.refine(audit_dir, recipe=str(recipe), output_dir=tmp_path / "r", quiet=True)
    weights = {}
    for name, data in (("ledger", tmp_path / "r"), ("file", tmp_path / "r" / "train.jsonl"), ("given", source)):
        options = {"max_steps": 4, "max_length": 32, "learning_rate": 1e-2, "output_dir": str(tmp_path / name)}
        rewardsmith.train(str(data), model_name_or_path=str(tiny_llama), quiet=True, **options)
        weights[name] = load_file(tmp_path / name / "model.safetensors")
    for key, value in weights["ledger"].items():
        torch.testing.assert_close(weights["file"][key], value, rtol=1e-4, atol=1e-5)
    assert (weights["given"]["score.weight"] - weights["ledger"]["score.weight"]).abs().max() > 1e-3
