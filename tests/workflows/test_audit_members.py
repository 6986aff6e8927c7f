"""`audit` with members that are language models, end to end on a tiny one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification

import rewardsmith
import rewardsmith.workflows.audit as audit_workflow
from rewardsmith.engine.members import member_runs
from rewardsmith.engine.members.member_training import MemberSpec
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import ConfigError, DataError, RunError
from rewardsmith.models.loading.lora import merge_lora
from rewardsmith.models.loading.reward_models import load_reward_model
from rewardsmith.preferences.pairs.conversations import pair_conversations
from tiny_reward_models import some_rows

NUM_PAIRS = 60
SMALL = {
    "num_members": 3,
    "num_judges": 2,
    "learning_rate": 1e-3,
    "max_length": 64,
    "stability": False,
    "quiet": True,
    "device": "cpu",
}


def audit(rows: list[dict[str, Any]], model: Path, folder: Path, **options: Any) -> Any:
    return rewardsmith.audit(
        rows, model_name_or_path=str(model), output_dir=str(folder), **{**SMALL, "ensemble": "full", **options}
    )


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return some_rows(NUM_PAIRS)


@pytest.fixture(scope="module")
def full(rows: list[dict[str, Any]], tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return audit(rows, tiny_llama, tmp_path_factory.mktemp("full") / "out", save_steps=2)


@pytest.fixture(scope="module")
def forked(rows: list[dict[str, Any]], tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return audit(rows, tiny_llama, tmp_path_factory.mktemp("forked") / "out", ensemble="forked", planted_rate=0)


@pytest.fixture(params=["full", "forked"])
def result(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def raises(error: BaseException | type[BaseException]) -> Any:
    def function(*_: Any, **__: Any) -> None:
        raise error

    return function


def gaps(result: Any) -> np.ndarray:
    names = [name for name in result.strengths.columns if name.startswith("gap_")]
    return result.strengths[names].to_numpy()


def test_every_pair_has_the_judges_that_were_asked_for(result: Any) -> None:
    assert gaps(result).shape == (NUM_PAIRS, 3)
    assert (result.strengths["num_judges"] == 2).all()


def test_the_verdict_says_who_judged(full: Any, forked: Any) -> None:
    assert "3 fine-tuned models, each trained on its own" in str(full.metrics["verdict"])
    assert "3 models that share their lower layers" in str(forked.metrics["verdict"])
    for result in (full, forked):
        assert result.metrics["ensemble"]["limits"] in Path(result.report_path).read_text(encoding="utf-8")
        assert "rewardsmith score" in result.metrics["next_steps"][-2]["command"]


def test_members_are_models_that_score_as_the_audit_says(result: Any) -> None:
    listed = json.loads(Path(result.path, "ensemble.json").read_text())
    kind = result.metrics["ensemble"]["kind"]
    assert (listed["kind"], listed["members"]) == (kind, ["members/00", "members/01", "members/02"])
    pairs = pq.read_table(f"{result.path}/pairs.parquet")
    chosen, rejected = (open_scorer(result.path).score(side).members for side in pair_conversations(pairs))
    np.testing.assert_allclose((chosen - rejected).T, gaps(result), atol=1e-5)
    np.testing.assert_allclose((chosen + rejected).mean(axis=1), 0, atol=1e-4)  # whatever constants they came to


def test_models_and_gaps_stay_and_checkpoints_do_not(full: Any, forked: Any) -> None:
    kept = [{path.name for path in Path(audited.path, "members").iterdir()} for audited in (full, forked)]
    folders = {"00", "01", "02"}
    assert kept[0] == folders | {"00.safetensors", "01.safetensors", "02.safetensors", "labels.safetensors"}
    assert kept[1] == folders | {"gaps.safetensors", "metrics.jsonl"}
    assert not Path(full.path, "members", "00", "checkpoints").exists()


def test_a_member_learns_only_from_its_own_pairs(result: Any, rows: list[dict[str, Any]], tiny_llama: Path) -> None:
    """Turning the labels round that member 0 leaves out changes the other members and not member 0."""
    left_out = ~result.strengths["trained_0"].to_numpy()
    turned = [{**row, "target": 0.0} if left_out[i] else row for i, row in enumerate(rows)]
    kind = result.metrics["ensemble"]["kind"]
    other = audit(turned, tiny_llama, Path(result.path).parent / "turned", ensemble=kind, planted_rate=0)
    np.testing.assert_allclose(gaps(other)[:, 0], gaps(result)[:, 0], atol=1e-5)
    assert np.abs(gaps(other)[:, 1] - gaps(result)[:, 1]).max() > 1e-2


def test_an_interrupted_audit_goes_on_with_the_unfinished_member(
    full: Any, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    train = member_runs.train_member

    def stopped_at_the_second(run: MemberSpec, quiet: bool = False) -> Any:
        if run.number == 1 and not trained.count(1):
            trained.append(1)
            raise KeyboardInterrupt
        trained.append(run.number)
        return train(run, quiet)

    monkeypatch.setattr(member_runs, "train_member", stopped_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        audit(rows, tiny_llama, tmp_path / "out", save_steps=2)
    result = audit(rows, tiny_llama, tmp_path / "out", save_steps=2)
    assert trained == [0, 1, 1, 2]
    np.testing.assert_array_equal(gaps(result), gaps(full))


def test_forked_members_that_were_trained_are_not_trained_again(
    forked: Any, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"ensemble": "forked", "planted_rate": 0}
    with monkeypatch.context() as patch:
        patch.setattr(audit_workflow, "audit_pairs", raises(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            audit(rows, tiny_llama, tmp_path / "out", **options)
    monkeypatch.setattr("rewardsmith.strength.ensembles.forked.train_forked", raises(AssertionError("trained again")))
    np.testing.assert_array_equal(gaps(audit(rows, tiny_llama, tmp_path / "out", **options)), gaps(forked))


def test_forked_members_differ(forked: Any) -> None:
    assert np.abs(np.diff(gaps(forked), axis=1)).min(axis=0).max() > 0
    assert abs(np.corrcoef(gaps(forked).T)[0, 1]) < 0.999


def test_without_crossfitting_members_differ_by_order_alone(
    rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path
) -> None:
    result = audit(rows, tiny_llama, tmp_path / "out", crossfit="none", num_members=2, save_members=False)
    assert result.strengths[["trained_0", "trained_1"]].to_numpy().all()
    assert result.strengths["strength_mean"].isna().all()
    assert result.strengths["strength_mean_in_sample"].notna().all()
    assert np.abs(np.diff(gaps(result), axis=1)).max() > 1e-3
    assert not Path(result.path, "members", "00").exists()


@pytest.mark.parametrize("kind", ["full", "forked"])
def test_members_can_be_averaged_into_one_model(
    kind: str, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path
) -> None:
    options = {"ensemble": kind, "crossfit": "none", "num_members": 2, "planted_rate": 0, "average_members": True}
    path = audit(rows, tiny_llama, tmp_path / "out", **options).path
    average = load_reward_model(f"{path}/average")[0].state_dict()
    members = [load_reward_model(f"{path}/members/{name}")[0] for name in ("00", "01")]
    states = [(merge_lora(m) if kind == "forked" else m).state_dict() for m in members]
    for name, weight in average.items():
        torch.testing.assert_close(weight, (states[0][name] + states[1][name]) / 2)


@pytest.mark.parametrize("save_members", [True, False])
def test_members_can_be_merged_into_plain_models(
    rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path, save_members: bool
) -> None:
    options = {"ensemble": "forked", "crossfit": "none", "num_members": 2, "planted_rate": 0, "merge_members": True}
    result = audit(rows, tiny_llama, tmp_path / "out", **options, save_members=save_members)
    assert Path(result.path, "members", "00").exists() == save_members
    texts = pair_conversations(pq.read_table(Path(result.path, "pairs.parquet")).slice(0, 4))[0]
    for number in (0, 1):
        model = Path(result.path, "merged", f"{number:02d}")
        plain = AutoModelForSequenceClassification.from_pretrained(model)
        assert type(plain).__name__ == "LlamaForSequenceClassification"
        assert not (model / "adapter_model.safetensors").exists()
        if save_members:
            expected = open_scorer(f"{result.path}/members/{number:02d}").score(texts).rewards
            np.testing.assert_allclose(open_scorer(str(model)).score(texts).rewards, expected, atol=1e-5)


def test_the_average_can_stay_without_the_members(rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path) -> None:
    options = {"crossfit": "none", "num_members": 2, "average_members": True, "save_members": False}
    path = audit(rows, tiny_llama, tmp_path / "out", **options).path
    assert Path(path, "average", "model.safetensors").exists()
    assert not Path(path, "members", "00").exists()
    assert not Path(path, "ensemble.json").exists()


def test_flips_are_planted_unless_that_takes_two_more_fine_tuned_ensembles(
    full: Any, learnable_rows: Any, tiny_llama: Path, tmp_path: Path
) -> None:
    assert full.metrics["planted_flips"] is None
    rows = learnable_rows(NUM_PAIRS, wrong=0)  # judges that know nothing find all pairs as hard
    result = audit(rows, tiny_llama, tmp_path / "out", ensemble="forked")
    methods = [row["method"] for row in result.metrics["planted_flips"][0]["baselines"]]
    assert methods == ["rewardsmith", "single-model loss", "cleanlab (confident learning)", "small loss"]
    planted = list(Path(result.path, "members").glob("planted-*"))
    assert len(planted) == 2
    assert not any((folder / "00").exists() for folder in planted)


def test_a_failing_member_is_named_and_the_others_stay(
    rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = member_runs.train_member

    def fails_at_the_second(run: MemberSpec, quiet: bool = False) -> Any:
        if run.number == 1:
            raise DataError("no pair to train on")
        return train(run, quiet)

    monkeypatch.setattr(member_runs, "train_member", fails_at_the_second)
    with pytest.raises(RunError, match="member 01 of 3: no pair to train on"):
        audit(rows, tiny_llama, tmp_path / "out")
    assert (tmp_path / "out" / "members" / "00.safetensors").exists()


@pytest.mark.slow
def test_flips_are_planted_for_full_where_a_rate_is_named(
    full: Any, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path
) -> None:
    result = audit(rows, tiny_llama, tmp_path / "out", planted_rate=0.2)
    np.testing.assert_array_equal(gaps(result), gaps(full))
    assert [found["kind"] for found in result.metrics["planted_flips"]] == ["uniform", "hard"]


@pytest.mark.slow
def test_parallel_members_are_the_same_members(
    full: Any, rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path
) -> None:
    result = audit(rows, tiny_llama, tmp_path / "out", parallel_members=3)
    np.testing.assert_allclose(gaps(result), gaps(full), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_judges": 3}, "--num_judges 3: with --num_members 3 nobody"),
        ({"num_members": 1}, "--num_members 1"),
        ({"parallel_members": 0}, "--parallel_members 0"),
        ({"learning_rate": 0.0}, "`learning_rate` 0.0"),
        ({"ensemble": "given", "average_members": True}, "--average_members"),
        ({"ensemble": "given", "merge_members": True}, "--merge_members"),
    ],
)
def test_senseless_options_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        audit(some_rows(50), tmp_path, tmp_path / "out", **options)


def test_too_few_groups_are_an_error_before_anything_is_trained(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`num_members` 10"):
        audit(some_rows(20), tiny_llama, tmp_path / "out", num_members=10)


def test_a_model_that_was_trained_on_the_set_is_named(
    rows: list[dict[str, Any]], tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"max_length": 64, "max_steps": 1, "device": "cpu", "quiet": True}
    rewardsmith.train(rows, model_name_or_path=str(tiny_llama), output_dir=str(tmp_path / "rm"), **options)
    for number, own in enumerate((rows, rows[:-1])):
        audit(own, tmp_path / "rm", tmp_path / str(number), ensemble="probe", planted_rate=0, quiet=False)
        assert ("it knows the labels that are judged here" in capsys.readouterr().err) == (own is rows)
