"""Rounds of RLHF from preferences to the report: what a loop leaves, who labels and judges, what is done once."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import rewardsmith
from rewardsmith.artifacts.config.flat_config import build_config
from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.errors import ConfigError, DataError, OutputError
from rewardsmith.policy.rounds.round_samples import RoundSamples, score_samples
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.workflows.loop import labels
from rewardsmith.workflows.loop.policies import path_from_first
from rewardsmith.workflows.options.iterate import IterateConfig
from small_loops import IN_WORLD, SMALL, save_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return save_inputs(tmp_path_factory.mktemp("inputs"))


def looped(folder: Path, inputs: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Numbers of a loop on files."""
    given = {**SMALL, **inputs, "quiet": True, **options}
    found = rewardsmith.iterate(given.pop("dataset_name"), output_dir=folder, **given)
    assert found.metrics == json.loads((folder / "metrics.json").read_text())
    return dict(found.metrics)


@pytest.fixture(scope="module")
def plain(inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Folder and numbers of a loop without further options."""
    folder = tmp_path_factory.mktemp("plain")
    return folder, looped(folder, inputs)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_two_rounds_in_a_world(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    found = rewardsmith.iterate(
        "embedded/world", output_dir=folder, labels="gold", labels_per_round=4, quiet=True, **IN_WORLD
    )
    metrics = found.metrics
    assert [one["round"] for one in metrics["rounds"]] == [1, 2] and metrics["judged_by"] == "gold"
    for number, one in enumerate(metrics["rounds"], 1):
        home = folder / f"round-{number}"
        assert [point["gold"] is None for point in one["path"]] == [False, False]
        names = [stage["stage"] for stage in one["stages"]]
        assert names == ["sample", "label", "adapt", "look", "improve", "evaluate"]
        assert one["labels"]["num_pairs"] == 4 and one["labels"]["wrong_share"] == 0.25  # what errs, errs exactly so
        assert one["reward_model"]["num_pairs"] == metrics["num_pairs"] + 4 * number
        assert one["reward_model"]["gold_accuracy"]["value"] is not None
        for name in ("policy", "reward_model"):
            assert (home / name / "model.safetensors").is_file() and not list(home.glob(f"{name}.*"))
    start = metrics["start"]
    assert start["kl"] == pytest.approx(0.0, abs=1e-9) and start["reward_gap_first"] == 0
    assert 0.1 < metrics["wrong_share"] < 0.4 and len(rows_of(folder / "preferences.jsonl")) == 16
    assert metrics["label_next"] is None and not (folder / "label_next.jsonl").exists()  # all have a label
    assert (folder / "manifest.json").is_file() and "Iterated RLHF" in (folder / "report.html").read_text()


def test_without_gold_or_judge_nobody_wins(plain: tuple[Path, dict[str, Any]]) -> None:
    _, metrics = plain
    assert metrics["judged_by"] is None and metrics["best_round"] is None and metrics["wrong_share"] is None
    for one in metrics["rounds"]:
        assert one["policy"]["against_first"] is None and one["policy"]["gold"]["value"] is None
        assert {stop["rule"] for stop in one["stops"]} <= {"spread_collapsed"}


def test_a_reward_model_judges_and_labels_as_many_pairs_as_there_are(
    tmp_path: Path,
    inputs: dict[str, Any],
    plain: tuple[Path, dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    judge = str(plain[0] / "round-1" / "reward_model")
    how = {"judge_model_path": judge, "labels": "judge", "labels_per_round": 99, "quiet": False}
    metrics = looped(tmp_path, inputs, num_rounds=1, **how)
    assert metrics["judged_by"] == "judge" and metrics["best_round"] is not None
    [one] = metrics["rounds"]
    assert one["reward_model"]["judge_accuracy"]["value"] is not None
    assert one["reward_model"]["num_judge_pairs"] > one["reward_model"]["num_gold_pairs"] == 0
    num = one["labels"]["num_pairs"]
    assert one["labels"] == {"num_pairs": num, "num_not_judged": 0, "by": "judge", "wrong_share": None} and 0 < num <= 4
    said = capsys.readouterr().err
    assert f"{num} pairs are there to be labelled (`labels_per_round` 99)" in said
    assert "0 pairs are left to be labelled next (`labels_per_round` 99)" in said and metrics["label_next"] is None
    assert one["policy"]["against_first"] == one["policy"]["against_last"] is not None


def test_a_round_waits_for_a_person_and_goes_on(
    tmp_path: Path, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    how, choose, chosen = {"labels": "person", "labels_per_round": 3}, labels._chosen, []
    monkeypatch.setattr(labels, "_chosen", lambda loop, number: chosen.append(number) or choose(loop, number))
    waiting = looped(tmp_path, inputs, **how)
    assert waiting["rounds"] == [] and waiting["waiting_for"] == str(tmp_path / "round-1" / "decisions.jsonl")
    assert not (tmp_path / "manifest.json").exists() and (tmp_path / "report.html").is_file()
    assert looped(tmp_path, inputs, **how)["waiting_for"] == waiting["waiting_for"]
    asked = rows_of(tmp_path / "round-1" / "to_label.jsonl")
    decided = ["flip", "drop", "tie"]
    lines = [json.dumps({"pair_id": row["pair_id"], "decision": one}) for row, one in zip(asked, decided, strict=True)]
    (tmp_path / "round-1" / "decisions.jsonl").write_text("\n".join(lines))
    second = looped(tmp_path, inputs, **how)
    assert second["waiting_for"] == str(tmp_path / "round-2" / "decisions.jsonl") and len(second["rounds"]) == 1
    flipped, tied = rows_of(tmp_path / "round-1" / "labels.jsonl")
    assert (flipped["chosen"], flipped["rejected"]) == (asked[0]["rejected"], asked[0]["chosen"])
    assert tied["target"] == 0.5 and second["rounds"][0]["labels"]["num_pairs"] == 2
    (tmp_path / "round-2" / "decisions.jsonl").write_text('{"row": 0, "decision": "keep"}\n')
    assert looped(tmp_path, inputs, **how)["waiting_for"] is None
    assert chosen == [1, 2]  # what is labelled is what was asked, and not chosen again


def test_a_new_loop_learns_from_what_a_person_decided_about_the_pairs_to_label_next(
    tmp_path: Path, inputs: dict[str, Any], plain: tuple[Path, dict[str, Any]]
) -> None:
    folder, first = plain
    asked = rows_of(folder / "label_next.jsonl")
    shutil.copy(folder / "label_next.jsonl", tmp_path)  # decisions lie beside what they decide
    decisions = tmp_path / "decisions.jsonl"
    decisions.write_text(json.dumps({"pair_id": asked[0]["pair_id"], "decision": "flip"}))
    second = looped(tmp_path / "second", inputs, num_rounds=1, decisions=str(decisions))
    assert (first["num_decided"], second["num_decided"]) == (0, 1)
    assert second["rounds"][0]["reward_model"]["num_pairs"] == second["num_pairs"] == first["num_pairs"] + 1
    other = looped(tmp_path / "other", inputs, num_rounds=1, decisions=str(decisions), seed=1, eval_fraction=0.9)
    assert other["num_decided"] == 0  # its prompt is held out there


def test_pairs_to_label_next_are_what_the_best_policy_wrote(
    tmp_path: Path, inputs: dict[str, Any], plain: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sources(folder: Path) -> set[str]:
        return {row["source"] for row in rows_of(folder / "label_next.jsonl")}

    assert sources(plain[0]) == {"round 2"}  # nobody judges
    monkeypatch.setattr("rewardsmith.workflows.loop.labels.best_round", lambda start, rounds: 0)
    looped(tmp_path, inputs)
    assert sources(tmp_path) == {"round 1"}


def test_chosen_responses_stand_above_what_the_policy_writes(tmp_path: Path, inputs: dict[str, Any]) -> None:
    how = {"labels": "demonstrations", "labels_per_round": 5, "preference_data": "last", "reference": "last"}
    metrics = looped(tmp_path, inputs, **how)
    given = rows_of(Path(inputs["dataset_name"]))
    shown = {row["chosen"] for row in given}
    rounds = [rows_of(tmp_path / f"round-{number}" / "labels.jsonl") for number in (1, 2)]
    for one, rows in zip(metrics["rounds"], rounds, strict=True):
        assert one["labels"] == {
            "num_pairs": len(rows),
            "num_not_judged": 0,
            "by": "demonstrations",
            "wrong_share": None,
        }
        assert one["reward_model"]["num_pairs"] == len(rows) > 2
        assert {row["chosen"] for row in rows} <= shown
        assert not {row["rejected"] for row in rows} & {row[side] for row in given for side in ("chosen", "rejected")}
    first, second = ({row["chosen"] for row in rows} for rows in rounds)
    assert not first & second


def test_another_policy_under_the_same_name_does_not_go_on_with_a_loop(tmp_path: Path, inputs: dict[str, Any]) -> None:
    policy = tmp_path / "policy"
    shutil.copytree(inputs["policy_name_or_path"], policy)
    how = {**inputs, "policy_name_or_path": str(policy), "labels": "person", "labels_per_round": 3}
    assert looped(tmp_path / "run", how)["waiting_for"]
    config = json.loads((policy / "config.json").read_text())
    (policy / "config.json").write_text(json.dumps(config | {"initializer_range": 0.5}))
    with pytest.raises(OutputError, match="an unfinished iterate that differs in policy"):
        looped(tmp_path / "run", how)


def test_a_person_may_drop_every_pair_unless_nothing_else_is_learned_from(
    tmp_path: Path, inputs: dict[str, Any]
) -> None:
    how = {"labels": "person", "labels_per_round": 2, "num_rounds": 1}
    looped(tmp_path / "all", inputs, **how)
    looped(tmp_path / "last", inputs, **how, preference_data="last")
    for folder in (tmp_path / "all", tmp_path / "last"):
        (folder / "round-1" / "decisions.jsonl").write_text(
            "".join(json.dumps({"row": row, "decision": "drop"}) + "\n" for row in (0, 1))
        )
    metrics = looped(tmp_path / "all", inputs, **how)
    assert metrics["rounds"][0]["reward_model"]["num_pairs"] == metrics["num_pairs"]
    with pytest.raises(DataError, match="`preference_data` last: no pair of round 1"):
        looped(tmp_path / "last", inputs, **how, preference_data="last")
    (tmp_path / "last" / "round-1" / "decisions.jsonl").write_text('{"row": 0, "decision": "keep"}\n')  # thought again
    assert looped(tmp_path / "last", inputs, **how, preference_data="last")["rounds"][0]["labels"]["num_pairs"] == 1


def test_pairs_to_decide_have_the_names_that_a_reader_gives_them(tmp_path: Path, inputs: dict[str, Any]) -> None:
    looped(tmp_path, inputs, labels="person", labels_per_round=3)
    path = str(tmp_path / "round-1" / "to_label.jsonl")
    read = load_preferences(path, DataOptions(dataset_name=path)).table["pair_id"].to_pylist()
    assert read == [row["pair_id"] for row in rows_of(Path(path))]


@pytest.mark.parametrize("how", [{"adapt": "metarm", "policy_use_peft": True}, {"adapt": "ocrm", "num_members": 2}])
def test_each_way_to_adapt_and_to_improve_runs_to_its_end(
    tmp_path: Path, inputs: dict[str, Any], how: dict[str, Any]
) -> None:
    metrics = looped(tmp_path, inputs, **how)
    model = metrics["rounds"][1]["reward_model"]
    assert (model["disagreement"] is not None) == (how.get("num_members") == 2)
    if how.get("num_members") == 2:
        samples = RoundSamples.of_rows(rows_of(tmp_path / "round-1" / "samples.jsonl"))
        with closing(open_scorer(str(tmp_path / "round-1" / "reward_model"), ScoringOptions(device="cpu"))) as scorer:
            members = score_samples(scorer, samples).members
        np.testing.assert_allclose(members.mean(axis=(1, 2)), 0, atol=1e-4)  # whatever constants they came to
        np.testing.assert_allclose(members.std(axis=(1, 2)), 1, atol=1e-4)
    assert metrics["rounds"][1]["policy"]["kl"] != metrics["rounds"][0]["policy"]["kl"]


def test_the_first_reward_model_serves_all_rounds_where_none_adapts(plain: tuple[Path, dict[str, Any]]) -> None:
    folder, metrics = plain
    assert metrics["adapt"] == "none"  # no label is fresh
    assert not (folder / "round-2" / "reward_model").exists()
    first, second = (one["reward_model"] for one in metrics["rounds"])
    assert first["spread_first"] == second["spread_first"] and first["num_pairs"] == second["num_pairs"]


def test_equal_seeds_give_the_same_bits_and_other_rounds_other_reward_models(
    tmp_path: Path, inputs: dict[str, Any]
) -> None:
    for folder in (tmp_path / "one", tmp_path / "other"):
        looped(folder, inputs, adapt="retrain")
    weights = [f"round-{number}/{model}/model.safetensors" for number in (1, 2) for model in ("policy", "reward_model")]
    one, other = (
        [fingerprint_file(folder / file) for file in weights] for folder in (tmp_path / "one", tmp_path / "other")
    )
    assert one == other and len(set(one)) == 4


def test_equal_seeds_draw_equal_adapters_whatever_was_drawn_before(tmp_path: Path, inputs: dict[str, Any]) -> None:
    """So does a loop that is taken up in another process."""
    found = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        torch.manual_seed(len(found))
        looped(folder, inputs, num_rounds=1, policy_use_peft=True)
        found.append(fingerprint_file(folder / "round-1" / "policy" / "adapter_model.safetensors"))
    assert found[0] == found[1]


def test_test_prompts_are_neither_answered_while_learning_nor_among_the_pairs(
    tmp_path: Path, inputs: dict[str, Any]
) -> None:
    looped(tmp_path, inputs, num_rounds=1, num_rollouts=8, samples_to_read=99)
    tested = {json.dumps(row["prompt"]) for row in rows_of(tmp_path / "start" / "test.jsonl")}
    learned = {json.dumps(row["prompt"]) for row in rows_of(tmp_path / "round-1" / "policy" / "samples.jsonl")}
    assert len(tested) == 4 and learned and not tested & learned


def test_rewards_of_a_round_have_the_scale_of_the_first_policy(tmp_path: Path, inputs: dict[str, Any]) -> None:
    metrics = looped(tmp_path, inputs, num_rounds=1, num_rollouts=1, no_end_penalty=0.0, samples_to_read=99)
    look = json.loads((tmp_path / "round-1" / "look.json").read_text())
    for row in rows_of(tmp_path / "round-1" / "policy" / "samples.jsonl"):
        scaled = (row["score"] - look["reward_mean"]) / look["reward_std"]
        assert row["reward"] == pytest.approx(scaled, abs=1e-4)
    [point] = metrics["rounds"][0]["path"]
    assert point["reward_gap_first"] == pytest.approx((point["reward"] - look["reward_mean"]) / look["reward_std"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"reference": "sft"}, [True, True]),
        ({"reference": "last"}, [True, False]),
        ({"reference_reset_rollouts": 5, "num_rollouts": 6}, [False, False]),
        ({"reference_reset_rollouts": 6, "num_rollouts": 6}, [True, True]),
    ],
)
def test_a_path_is_one_from_the_first_policy_while_that_is_the_reference(
    options: dict[str, Any], expected: list[bool]
) -> None:
    loop: Any = SimpleNamespace(config=build_config(IterateConfig, options))
    assert [path_from_first(loop, number) for number in (1, 2)] == expected


def test_it_ends_after_a_round_in_which_a_stop_rule_holds(
    tmp_path: Path, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [{"rule": "spread_collapsed", "value": 0.1, "bar": 0.25}]
    monkeypatch.setattr("rewardsmith.workflows.loop.one_round.stops_after", lambda before, now: held)
    metrics = looped(tmp_path, inputs, stop_early=True)
    assert len(metrics["rounds"]) == metrics["stopped_after"] == metrics["should_have_stopped"] == 1
    assert (tmp_path / "manifest.json").is_file() and not (tmp_path / "round-2").exists()


@pytest.mark.slow
def test_a_long_loop_says_before_what_it_will_take(
    tmp_path: Path, inputs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = looped(tmp_path, inputs, num_rollouts=20, quiet=False)
    said = capsys.readouterr().err
    assert "Forecast: " in said and "for 2 rounds" in said
    for one in metrics["rounds"]:
        for stage in one["stages"]:
            assert stage["forecast_s"] > 0 and stage["forecast_gib"] > 0
            assert (stage["forecast_tokens"] > 0) == (stage["tokens"] > 0)
    improve = metrics["rounds"][0]["stages"][3]
    assert improve["stage"] == "improve" and 0.5 < improve["forecast_tokens"] / improve["tokens"] < 2
    assert not [path for path in tmp_path.rglob("*") if "in_small" in path.name or path.name.endswith(".unfinished")]


def test_prompts_of_a_file_take_the_place_of_the_preferences_own(tmp_path: Path, inputs: dict[str, Any]) -> None:
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"what about {i}"}) + "\n" for i in range(12)))
    metrics = looped(tmp_path / "loop", inputs, num_rounds=1, prompts=str(prompts))
    assert (metrics["num_policy_prompts"], metrics["num_test_prompts"]) == (8, 4)
    rows = rows_of(tmp_path / "loop" / "start" / "test.jsonl")
    assert all(row["prompt"][0]["content"].startswith("what about") for row in rows)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"policy_name_or_path": ""}, "policy_name_or_path"),
        ({"meta_dataset": "samples.jsonl"}, "meta_dataset"),
        ({"meta_step_size": 0.01}, "meta_step_size"),
        ({"reward_std": 2.0}, "standardise_rewards"),
        ({"aggregate": "min"}, "num_members"),
        ({"aggregate": "quantile", "aggregate_coefficient": 2.0, "num_members": 2}, "aggregate_coefficient"),
        ({"labels": "gold"}, "labels"),
        ({"labels": "demonstrations", "label_choice": "extremes"}, "demonstrations"),
        ({"labels": "demonstrations", "adapt": "ocrm", "preference_data": "last"}, "`adapt` ocrm weighs"),
        ({"eval_fraction": 0.0}, "test_prompts"),
        ({"policy_trainer": "trl_grpo"}, "advantage"),
        ({"save_rollouts": -1}, "save_rollouts"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(
    tmp_path: Path, inputs: dict[str, Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        looped(tmp_path / "loop", inputs, **options)
    assert not (tmp_path / "loop").exists()


def test_a_set_that_leaves_no_prompt_leaves_no_folder_in_the_way(tmp_path: Path, inputs: dict[str, Any]) -> None:
    tests = tmp_path / "tests.jsonl"
    tests.write_text("".join(json.dumps({"prompt": f"question {i}"}) + "\n" for i in range(16)))
    given = {**inputs, "num_test_prompts": 99, "test_prompts": str(tests)}
    with pytest.raises(DataError, match="0 pairs"):
        looped(tmp_path / "loop", given)
    looped(tmp_path / "loop", inputs, num_rounds=1)
