"""Rounds of refining with an ensemble that learns, and rules that read its features."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rewardsmith
from claimed_audit import claimed
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.artifacts.runs.manifest import amend_output
from rewardsmith.cli.main import main
from rewardsmith.contracts.metrics.audit import ClaimLevel
from rewardsmith.contracts.tables import ERROR_RATES
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.strength.audited import Audited, audit_pairs
from rewardsmith.strength.ensembles.crossfit import fold_groups
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.workflows.steps import refine_rounds
from rewardsmith.workflows.steps.refine_rounds import saved_judgements
from tiny_reward_models import some_rows

NUM_PAIRS = 300
FLIP = "name: flip\nrules:\n  - rule: flip\n    where: {p_wrong: [0.5, null]}\n"


@pytest.fixture(scope="module")
def rows(learnable_rows: Any) -> list[dict[str, Any]]:
    return learnable_rows(NUM_PAIRS, wrong=0.12)


@pytest.fixture(scope="module")
def audit_dir(rows: list[dict[str, Any]], tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "a"
    rewardsmith.audit(
        rows,
        model_name_or_path=str(tiny_llama),
        max_length=128,
        num_judges=2,
        planted_rate=0,
        stability=False,
        device="cpu",
        quiet=True,
        output_dir=str(folder),
    )
    return folder


def recipe(tmp_path: Path, text: str) -> str:
    (tmp_path / "recipe.yaml").write_text(text)
    return str(tmp_path / "recipe.yaml")


def test_what_an_audit_saved_says_what_its_judges_said(audit_dir: Path) -> None:
    pairs, strengths = (pq.read_table(audit_dir / f"{name}.parquet") for name in ("pairs", "strengths"))
    level = json.loads((audit_dir / "metrics.json").read_text())["claim"]["level"]
    judged = audit_pairs(pairs, saved_judgements(strengths), fold_groups(pairs, "prompt"), 0)
    again = judged.at(level).table
    structured = ["p_wrong_structured", *ERROR_RATES]
    assert again.drop_columns(structured).equals(strengths.drop_columns(structured))


def test_rounds_end_when_the_doubtful_pairs_stay_and_the_ledger_has_the_last_strengths(
    audit_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = []
    make = refine_rounds.audit_ensemble

    def noted(*arguments: Any) -> Any:
        ensemble = make(*arguments)
        judge = ensemble.judge
        ensemble.judge = lambda target, *rest, **named: learned.append(target) or judge(target, *rest, **named)
        return ensemble

    monkeypatch.setattr(refine_rounds, "audit_ensemble", noted)
    flip = recipe(tmp_path, FLIP)
    once = rewardsmith.refine(audit_dir, recipe=flip, quiet=True, output_dir=tmp_path / "once")
    result = rewardsmith.refine(audit_dir, recipe=flip, rounds=4, quiet=True, output_dir=tmp_path / "rounds-of-it")
    rounds = result.metrics["rounds"]
    assert 2 <= len(rounds) <= 4 and len(learned) == len(rounds) - 1
    assert rounds[0]["num_turned"] > 10
    assert all(entry["overlap_with_last"] < 0.9 for entry in rounds[1:-1])  # it goes on until then
    np.testing.assert_array_equal(learned[0], once.ledger["target"].to_numpy())  # the second round learns the first's
    assert not (tmp_path / "rounds-of-it" / "rounds").exists()
    assert once.metrics["rounds"] is None
    strengths = pq.read_table(audit_dir / "strengths.parquet")
    assert once.ledger["strength_mean"].equals(strengths["strength_mean"])
    assert not result.ledger["strength_mean"].equals(strengths["strength_mean"])
    flipped = result.ledger["target"].to_numpy() == 0
    np.testing.assert_array_equal(flipped, result.ledger["p_wrong"].to_numpy() >= 0.5)


def test_a_round_on_the_labels_as_given_is_the_audit_whatever_came_between(
    audit_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = refine_rounds.audit_ensemble

    def agreeing(*arguments: Any) -> Any:
        ensemble = make(*arguments)
        gaps = 3 + np.random.default_rng(0).random((NUM_PAIRS, 2)).astype(np.float32)
        judged = Judgements(gaps, np.zeros(gaps.shape, dtype=bool), ("", ""))
        ensemble.judge = lambda *_, **__: judged
        return ensemble

    monkeypatch.setattr(refine_rounds, "audit_ensemble", agreeing)
    flip, audited = recipe(tmp_path, FLIP), pq.read_table(audit_dir / "strengths.parquet")
    noise = json.loads((audit_dir / "metrics.json").read_text())["label_noise"]
    options = {"recipe": flip, "quiet": True}
    found = {n: rewardsmith.refine(audit_dir, rounds=n, output_dir=tmp_path / str(n), **options) for n in (2, 3)}
    flipped = [entry["num_turned"] for entry in found[3].metrics["rounds"]]
    assert flipped[0] == flipped[2] > 10 and flipped[1] == 0  # the second gives every label back
    assert found[3].ledger["strength_mean"].equals(audited["strength_mean"])
    assert found[3].ledger["p_wrong"].equals(audited["p_wrong"])
    assert (found[2].ledger["strength_mean"].to_numpy() >= 3).all()
    assert found[3].metrics["label_noise"] == {name: noise[name] for name in ("low", "high", "identifiable")}
    assert found[2].metrics["label_noise"]["high"] < noise["high"]  # of the last round, like everything else


def test_judges_that_learned_the_labels_they_judge_have_no_rounds(audit_dir: Path, tmp_path: Path) -> None:
    in_sample = tmp_path / "in-sample"
    shutil.copytree(audit_dir, in_sample)
    manifest = json.loads((in_sample / "manifest.json").read_text())
    manifest["config"]["crossfit"] = "none"
    (in_sample / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"--rounds 2: every member .*--crossfit groups"):
        rewardsmith.refine(in_sample, recipe="drop", rounds=2, quiet=True, output_dir=tmp_path / "r")
    for name, rule in (("paper_flip", "flip"), ("paper_margin", "adaptive_margin")):
        with pytest.raises(ConfigError, match=rf"`rounds` 2: rule 1 \({rule}\) of the recipe {name} goes by members"):
            rewardsmith.refine(audit_dir, recipe=name, rounds=2, quiet=True, output_dir=tmp_path / "r")


def test_given_scores_have_no_rounds(tmp_path: Path) -> None:
    rows = [
        {**row, "chosen_score_list": [1.0, 2.0, i % 3], "rejected_score_list": [0.5, 0.0, 1.0]}
        for i, row in enumerate(some_rows(60))
    ]
    rewardsmith.audit(rows, ensemble="given", planted_rate=0, quiet=True, output_dir=str(tmp_path / "a"))
    with pytest.raises(ConfigError, match="--rounds 3: given scores do not change"):
        rewardsmith.refine(tmp_path / "a", rounds=3, quiet=True, output_dir=tmp_path / "r")
    assert not (tmp_path / "r" / "manifest.json").exists()


def test_influence_weights_read_the_features_of_the_audit(audit_dir: Path, tmp_path: Path) -> None:
    balance = recipe(tmp_path, "name: balance\nrules:\n  - rule: influence_weights\n    group: longer\n")
    result = rewardsmith.refine(audit_dir, recipe=balance, quiet=True, output_dir=tmp_path / "r")
    weight = result.ledger["weight"].to_numpy()
    assert np.ptp(weight) > 0.01 and weight.min() >= 0.5 and weight.max() <= 1.5
    assert "held-out losses: the longer response is better 0." in result.ledger["reason"][0].as_py()
    assert (result.ledger["target"].to_numpy() == 1).all()


def test_the_influence_of_labels_is_a_condition_of_any_rule(
    rows: list[dict[str, Any]], audit_dir: Path, tmp_path: Path
) -> None:
    worst = "rules:\n- {rule: reweight, by: constant, factor: 0, where: {influence_quantile: [0.9, 1]}}\n"
    result = rewardsmith.refine(audit_dir, recipe=recipe(tmp_path, worst), quiet=True, output_dir=tmp_path / "r")
    dropped = result.ledger["weight"].to_numpy() == 0
    assert dropped.sum() == NUM_PAIRS // 10
    assert "(influence_quantile 0.9 to 1)" in result.ledger["reason"][int(dropped.argmax())].as_py()
    wrong = np.array([row["chosen"].endswith("bad") for row in rows])
    assert wrong[dropped].mean() > 2 * wrong.mean()


def test_the_structured_audit_repairs_labels_and_stays_as_it_was_in_every_round(
    rows: list[dict[str, Any]], audit_dir: Path, tmp_path: Path
) -> None:
    audited = pq.read_table(audit_dir / "strengths.parquet")["p_wrong_structured"].to_numpy()
    result = rewardsmith.refine(audit_dir, recipe="structured_flip_wrong", quiet=True, output_dir=tmp_path / "r")
    np.testing.assert_array_equal(result.ledger["swapped"].to_numpy(), audited >= 0.9)
    wrong = np.array([row["chosen"].endswith("bad") for row in rows])
    assert wrong[audited >= 0.5].mean() > 0.8 and (audited >= 0.5)[wrong].mean() > 0.8
    text = "name: d\nrules:\n  - rule: drop\n    where: {p_wrong_structured: [0.5, null]}\n"
    with pytest.raises(ConfigError, match="`rounds` 2: no rule of the recipe d goes by judges that learn anew"):
        rewardsmith.refine(audit_dir, recipe=recipe(tmp_path, text), rounds=2, quiet=True, output_dir=tmp_path / "no")
    drop = recipe(tmp_path, text + "  - rule: smooth\n    where: {p_wrong: [0.4, null]}\n")
    rounds = rewardsmith.refine(audit_dir, recipe=drop, rounds=2, quiet=True, output_dir=tmp_path / "rounds")
    assert len(rounds.metrics["rounds"]) == 2
    np.testing.assert_array_equal(rounds.ledger["weight"].to_numpy() == 0, audited >= 0.5)


def test_an_older_audit_can_be_refined(audit_dir: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(audit_dir, older)
    strengths = pq.read_table(older / "strengths.parquet").drop_columns(["p_wrong_structured"])
    pq.write_table(strengths, older / "strengths.parquet")
    manifest = json.loads((older / "manifest.json").read_text())
    manifest["outputs"]["strengths.parquet"] = fingerprint_file(older / "strengths.parquet")
    manifest["config"].pop("structured")
    (older / "manifest.json").write_text(json.dumps(manifest))
    now, then = (
        rewardsmith.refine(folder, recipe="drop", rounds=2, quiet=True, output_dir=tmp_path / name)
        for folder, name in ((audit_dir, "now"), (older, "then"))
    )
    assert now.ledger["target"].equals(then.ledger["target"]) and now.ledger["weight"].equals(then.ledger["weight"])
    with pytest.raises(DataError, match="no p_wrong_structured"):
        rewardsmith.refine(older, recipe="structured_drop", quiet=True, output_dir=tmp_path / "r")


def trust_plainly(audit: Path, num_pairs: int) -> None:
    """Lets ``p_wrong`` trust some of the labels that the structured audit doubts."""
    path = audit / "strengths.parquet"
    strengths = pq.read_table(path)
    p_wrong = strengths["p_wrong"].to_numpy().copy()
    p_wrong[np.flatnonzero(strengths["p_wrong_structured"].to_numpy() >= 0.5)[:num_pairs]] = 0.3
    at = strengths.column_names.index("p_wrong")
    pq.write_table(strengths.set_column(at, strengths.schema.field("p_wrong"), pa.array(p_wrong)), path)
    amend_output(path)


@pytest.mark.parametrize(
    ("level", "name", "why"),
    [
        ("labels_judged", "structured_drop", "No recipe was named: this one was clearly better"),
        ("reading_order", "structured_drop_both", "No recipe was named, and the audit gives only a reading order"),
        ("cannot_tell", "none", "the audit changes nothing: it cannot tell which labels are wrong (its judges"),
    ],
)
def test_without_a_recipe_an_audit_of_a_probe_drops_what_its_level_of_claim_supports(
    level: ClaimLevel, name: str, why: str, audit_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = claimed(audit_dir, tmp_path / "a", level)
    trust_plainly(audit, num_pairs=10)
    assert main(["refine", "--audit_dir", str(audit), "--output_dir", str(tmp_path / "r"), "--json"]) == 0
    shown = capsys.readouterr()
    assert why in " ".join(shown.out.split()) and "as asked" not in shown.err
    assert why in (tmp_path / "r" / "report.html").read_text()
    strengths = pq.read_table(audit / "strengths.parquet")
    plain, structured = ((strengths[key].to_numpy() >= 0.5) for key in ("p_wrong", "p_wrong_structured"))
    assert 0 < (plain & structured).sum() < structured.sum() < NUM_PAIRS
    dropped = {"labels_judged": structured, "reading_order": plain & structured}.get(level, np.zeros_like(plain))
    ledger = pq.read_table(tmp_path / "r" / "ledger.parquet")
    np.testing.assert_array_equal(ledger["weight"].to_numpy() == 0, dropped)
    found = json.loads(shown.out.splitlines()[-1])
    assert found["recipe"]["name"] == name
    assert found["pairs"]["num_changed"] == dropped.sum()
    if level == "cannot_tell":
        assert found["audited"]["p_wrong"] is None
    else:
        assert f"for {(plain & structured).sum()} both are" in " ".join(shown.out.split())


@pytest.mark.parametrize("level", ["labels_judged", "reading_order", "cannot_tell"])
def test_later_rounds_say_no_more_than_the_audit(
    level: ClaimLevel, audit_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, flip = claimed(audit_dir, tmp_path / "a", level), recipe(tmp_path, FLIP)
    result = rewardsmith.refine(audit, recipe=flip, rounds=2, quiet=True, output_dir=tmp_path / "r")
    classes = set(result.ledger["strength_class"].to_pylist())
    assert ("incorrect" in classes) == (level == "labels_judged")
    assert (classes == {None}) == (level == "cannot_tell")
    assert len(result.metrics["audited"]["warnings"]) == (level != "labels_judged")


def test_later_rounds_keep_what_planted_flips_refuted(audit_dir: Path, tmp_path: Path) -> None:
    audit = claimed(audit_dir, tmp_path / "a", "labels_judged")
    metrics = json.loads((audit / "metrics.json").read_text())
    metrics["label_noise"]["kept"] = 0.0
    (audit / "metrics.json").write_text(json.dumps(metrics))
    amend_output(audit / "metrics.json")
    flip = recipe(tmp_path, FLIP)
    result = rewardsmith.refine(audit, recipe=flip, rounds=2, quiet=True, output_dir=tmp_path / "r")
    assert [entry["num_flagged"] > 0 for entry in result.metrics["rounds"]] == [True, False]


def test_second_labels_have_their_say_in_later_rounds(
    audit_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = claimed(audit_dir, tmp_path / "a", "labels_judged")
    strengths = pq.read_table(audit / "strengths.parquet")
    says = pa.array(np.arange(NUM_PAIRS) % 3 > 0, pa.float32())
    place = strengths.column_names.index("second_target")
    pq.write_table(strengths.set_column(place, "second_target", says), audit / "strengths.parquet")
    amend_output(audit / "strengths.parquet")
    heard: list[Any] = []
    beside = Audited.beside

    def noted(self: Audited, second: Any, groups: Any) -> Audited:
        heard.append(second)
        return beside(self, second, groups)

    monkeypatch.setattr(Audited, "beside", noted)
    flip = recipe(tmp_path, FLIP)
    rewardsmith.refine(audit, recipe=flip, rounds=2, quiet=True, output_dir=tmp_path / "r")
    [second] = heard
    np.testing.assert_array_equal(second, says.to_numpy())
