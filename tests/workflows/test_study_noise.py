import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import rewardsmith
from cells_here import run_cells_here
from rewardsmith.artifacts.options import RunOptions
from rewardsmith.artifacts.runs.metrics_file import read_metrics
from rewardsmith.contracts.metrics.study_noise import StudyNoiseMetrics
from rewardsmith.errors import ConfigError, DataError, InputError, ModelError, OutputError, RunError
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.simulation.simulate import simulate
from rewardsmith.studies.noise.cells import CellOptions, run_cell
from rewardsmith.studies.noise.options import ForkedArmOptions, NoiseStudyOptions
from rewardsmith.studies.noise.study_pairs import StudyPairs
from rewardsmith.workflows import study_noise
from rewardsmith.workflows.options.study_noise import StudyNoiseConfig
from rewardsmith.workflows.study_noise import chosen_methods, run_study_noise

ROWS = simulate(260, annotator="exact", votes_per_pair=3, seed=3)


def config(model, folder, **study):
    options = {
        "kinds": "uniform,votes",
        "rates": "0,0.3",
        "methods": "drop,oracle:flip",
        "num_seeds": 2,
        "num_judges": 2,
    }
    return StudyNoiseConfig(
        DataOptions(),
        ModelOptions(str(model), max_length=64),
        NoiseStudyOptions(**{**options, **study}),
        run=RunOptions(output_dir=str(folder), quiet=True),
    )


@pytest.fixture(scope="module")
def study(tiny_llama, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_noise, "run_cells", run_cells_here)
        return run_study_noise(config(tiny_llama, tmp_path_factory.mktemp("study") / "run"), ROWS)


def test_the_folder_holds_every_cell_the_numbers_and_the_report(study):
    path = Path(study.path)
    names = {file.name for file in path.iterdir()}
    assert names == {"cells.jsonl", "metrics.json", "report.html", "manifest.json"}
    cells = [json.loads(line) for line in (path / "cells.jsonl").read_text().splitlines()]
    assert [(c["kind"], c["rate"], c["seed"]) for c in cells] == [
        (*place, seed) for seed in (0, 1) for place in (("none", 0.0), ("uniform", 0.3), ("votes", 0.0))
    ]
    assert read_metrics(path, StudyNoiseMetrics) == study.metrics


def test_accuracies_are_those_of_the_cells(study):
    cells = [json.loads(line) for line in (Path(study.path) / "cells.jsonl").read_text().splitlines()]
    for place in study.metrics["places"]:
        own = [c for c in cells if (c["kind"], c["rate"]) == (place["kind"], place["rate"])]
        hits = sum(c["arms"]["plain"]["accuracy"] * c["num_test"] for c in own)
        assert place["arms"]["plain"]["accuracy"] == pytest.approx(hits / sum(c["num_test"] for c in own))


def test_the_report_names_every_method_and_loads_nothing(study):
    html = (Path(study.path) / "report.html").read_text()
    assert '<td class="name">drop</td>' in html
    assert "src=" not in html
    assert "://" not in html.replace("http://www.w3.org", "")


def first_seed(folder):
    """What arms reached in the cells of the seed 0, by cell."""
    cells = [json.loads(line) for line in (Path(folder) / "cells.jsonl").read_text().splitlines()]
    return {(cell["kind"], cell["rate"]): cell["arms"] for cell in cells if cell["seed"] == 0}


def test_an_error_late_in_the_cells_keeps_the_finished_ones(tiny_llama, tmp_path, monkeypatch, study):
    """Also one of the input, which leaves nothing behind where it comes early."""
    own = config(tiny_llama, tmp_path / "run", num_seeds=1)
    asked = []

    def fails_after_two(cells, *rest):
        for number, result in enumerate(run_cells_here(cells, *rest)):
            if number == 2:
                raise InputError("a recipe file is gone")
            yield result

    def counts(cells, *rest):
        asked.extend(cells)
        return run_cells_here(cells, *rest)

    monkeypatch.setattr(study_noise, "run_cells", fails_after_two)
    with pytest.raises(InputError, match="a recipe file is gone"):
        run_study_noise(own, ROWS)
    assert len((tmp_path / "run" / "cells.jsonl").read_text().splitlines()) == 2
    monkeypatch.setattr(study_noise, "run_cells", counts)
    run_study_noise(replace(own, study=replace(own.study, workers=1)), ROWS)
    assert len(asked) == 1
    assert first_seed(tmp_path / "run") == first_seed(study.path)


FORKED = {"trainer": "forked", "workers": 1, "kinds": "uniform,longer", "rates": "0.2", "methods": "drop,noise_aware"}


@pytest.mark.slow
def test_arms_may_be_members_of_one_forked_ensemble(tiny_llama, tmp_path, monkeypatch):
    folder, options = tmp_path / "run", ForkedArmOptions(num_train_epochs=2, lora_r=2)
    asked = replace(config(tiny_llama, folder, **FORKED), forked=options)
    real, computed = study_noise.run_cells, []

    def stops_after_one(cells, _, given, *rest):
        yield run_cell(StudyPairs.load(given["pairs_file"]), cells[0], CellOptions.of(given["options"]))
        raise RunError("power cut")

    def counts(cells, *rest):
        computed.extend(cells)
        return real(cells, *rest)

    monkeypatch.setattr(study_noise, "run_cells", stops_after_one)
    with pytest.raises(RunError, match="power cut"):
        run_study_noise(asked, ROWS)
    first = json.loads((folder / "cells.jsonl").read_text().splitlines()[0])
    with pytest.raises(OutputError, match=r"differs in num_train_epochs"):
        run_study_noise(replace(asked, forked=ForkedArmOptions(num_train_epochs=3, lora_r=2)), ROWS)
    monkeypatch.setattr(study_noise, "run_cells", counts)
    found = run_study_noise(asked, ROWS)
    assert len(computed) == 3
    cells = [json.loads(line) for line in (folder / "cells.jsonl").read_text().splitlines()]
    assert [(cell["kind"], cell["seed"]) for cell in cells] == [
        (kind, seed) for seed in (0, 1) for kind in ("uniform", "longer")
    ]
    assert first in cells
    assert {arm["choice"] for cell in cells for arm in cell["arms"].values()} <= {"epoch 1", "epoch 2"}
    assert all(list(cell["arms"]) == ["plain", "clean", "drop", "noise_aware"] for cell in cells)
    assert found.metrics["trainer"] == "forked"
    assert found.metrics["forked"] == {**asdict(options), "fork_layer": 1}
    assert {file.name for file in folder.iterdir()} == {"cells.jsonl", "metrics.json", "report.html", "manifest.json"}


def test_what_forked_arms_cannot_be_is_told_before_there_is_a_folder(tiny_llama, tmp_path):
    asked = config(tiny_llama, tmp_path / "x", **FORKED)
    for changes, reason in (
        ({"num_train_epochs": 0}, "--num_train_epochs 0 must be at least 1"),
        ({"fork_layer": 2}, "--fork_layer 2: .* has 2 blocks; use 0 to 1"),
        ({"learning_rate": -1e-3}, "`learning_rate` -0.001 must be above 0"),
        ({"learning_rate": 0.0}, "`learning_rate` 0.0 must be above 0"),
        ({"learning_rate": float("nan")}, "`learning_rate` nan must be above 0"),
    ):
        with pytest.raises(ConfigError, match=reason):
            run_study_noise(replace(asked, forked=ForkedArmOptions(**changes)), ROWS)
    with pytest.raises(ConfigError, match="'debias' is not for `trainer` forked"):
        run_study_noise(replace(asked, study=replace(asked.study, methods="debias")), ROWS)
    assert not (tmp_path / "x").exists()


def test_a_model_that_cannot_be_forked_is_refused_before_anything_costly(tiny_llama, tmp_path, monkeypatch):
    def costly(*_):
        raise AssertionError

    monkeypatch.setattr(study_noise, "pair_features", costly)
    monkeypatch.setattr("rewardsmith.models.members.forked_model.transformer_blocks", lambda _: None)
    with pytest.raises(ModelError, match="cannot be forked; use `trainer` probe"):
        run_study_noise(config(tiny_llama, tmp_path / "x", **FORKED), ROWS)
    assert not (tmp_path / "x" / "unfinished.json").exists()


def test_pairs_that_truncation_makes_the_same_are_told_or_refused(tiny_llama, tmp_path, monkeypatch, capsys):
    def stops(*_):
        raise RunError("power cut")

    def asked(rows):
        long = [{**row, **{side: row[side] + " cat" * 40 for side in ("chosen", "rejected")}} for row in rows]
        own = config(tiny_llama, tmp_path / "x", **FORKED)
        own = replace(own, model=replace(own.model, max_length=16), run=replace(own.run, quiet=False))
        return run_study_noise(own, long + ROWS[len(rows) :])

    monkeypatch.setattr(study_noise, "pair_features", stops)
    with pytest.raises(DataError, match=r"Seed 0 leaves arms no pair .* 260 have .* 16 tokens\. Raise `max_length`"):
        asked(ROWS)
    assert not (tmp_path / "x" / "unfinished.json").exists()
    capsys.readouterr()
    with pytest.raises(RunError, match="power cut"):
        asked(ROWS[:100])
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("pairs have the same tokens on both sides (`max_length`)") == 1
    assert said.count("are truncated on the left (`max_length`)") == 1


def test_a_study_does_not_go_on_with_another_tokenizer(tiny_llama, tmp_path, monkeypatch):
    def stops(*_):
        raise RunError("power cut")

    model = shutil.copytree(tiny_llama, tmp_path / "model")
    own = config(model, tmp_path / "run", **FORKED)
    monkeypatch.setattr(study_noise, "pair_features", stops)
    with pytest.raises(RunError, match="power cut"):
        run_study_noise(own, ROWS)
    words = json.loads((model / "tokenizer.json").read_text())
    words["model"]["vocab"] |= {"cat": words["model"]["vocab"]["dog"], "dog": words["model"]["vocab"]["cat"]}
    (model / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(OutputError, match="differs in tokens"):
        run_study_noise(own, ROWS)


def test_what_all_leaves_out_is_said(capsys):
    assert "early_stop" not in [m.name for m in chosen_methods(NoiseStudyOptions(trainer="forked"))]
    said = " ".join(capsys.readouterr().err.split())
    assert "debias, debias+soft_label, early_stop are not for --trainer forked and are left out" in " ".join(
        said.split()
    )
    chosen_methods(NoiseStudyOptions())
    assert not capsys.readouterr().err


def test_what_a_set_lacks_is_told_before_there_is_a_folder(tiny_llama, tmp_path):
    silent = [{key: value for key, value in row.items() if key != "votes"} for row in ROWS]
    with pytest.raises(DataError, match="`kinds` votes: with seed 0, no pair to train on carries votes"):
        run_study_noise(config(tiny_llama, tmp_path / "x"), silent)
    assert not (tmp_path / "x" / "unfinished.json").exists()


def test_a_study_does_not_go_on_with_another_recipe(tiny_llama, tmp_path, monkeypatch):
    recipe = tmp_path / "my.yaml"
    recipe.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.5, null]}}\n")
    own = config(tiny_llama, tmp_path / "run", methods=str(recipe))

    def fails(*_):
        raise RunError("power cut")

    monkeypatch.setattr(study_noise, "run_cells", fails)
    with pytest.raises(RunError, match="power cut"):
        run_study_noise(own, ROWS)
    recipe.write_text("rules:\n- {rule: drop, where: {p_wrong: [0.6, null]}}\n")
    with pytest.raises(OutputError, match=r"unfinished study noise that differs in recipe .*my\.yaml"):
        run_study_noise(own, ROWS)


def test_python_runs_what_the_command_runs(tiny_llama, tmp_path, monkeypatch, study):
    monkeypatch.setattr(study_noise, "run_cells", run_cells_here)
    options = {"kinds": "uniform,votes", "rates": "0,0.3", "methods": "drop,oracle:flip"}
    options |= {"num_seeds": 1, "num_judges": 2, "model_name_or_path": str(tiny_llama), "max_length": 64}
    found = rewardsmith.study_noise(ROWS, output_dir=tmp_path / "run", quiet=True, **options)
    assert found.metrics == read_metrics(tmp_path / "run", StudyNoiseMetrics)
    assert first_seed(found.path) == first_seed(study.path)


def test_a_share_that_is_none_is_named(tiny_llama, tmp_path):
    with pytest.raises(ConfigError, match="--test_share 1 must lie between"):
        run_study_noise(config(tiny_llama, tmp_path / "x", test_share=1.0), ROWS)


def test_a_set_that_is_too_small_leaves_no_folder_behind(tiny_llama, tmp_path):
    with pytest.raises(DataError, match="20 pairs are too few for a study"):
        run_study_noise(config(tiny_llama, tmp_path / "x"), ROWS[:20])
    assert not (tmp_path / "x" / "unfinished.json").exists()


def test_votes_turn_about_as_many_labels_as_single_votes_differ(study):
    place = next(place for place in study.metrics["places"] if place["kind"] == "votes")
    votes = np.array([[row["votes"]["chosen"], row["votes"]["rejected"]] for row in ROWS])
    assert place["share_turned"] == pytest.approx((votes[:, 1] / votes.sum(axis=1)).mean(), abs=0.08)
