from __future__ import annotations

import json

import pytest

from rewardsmith.cli.main import main
from rewardsmith.errors import ConfigError, OutputError
from rewardsmith.preferences.simulation.simulate import simulate
from rewardsmith.workflows.options.simulate import SimulateConfig
from rewardsmith.workflows.simulate import run_simulate


def test_the_file_holds_what_simulate_gives_and_the_summary_counts_it(tmp_path):
    path = tmp_path / "sim.jsonl"
    config = SimulateConfig(output_file=str(path), num_pairs=60, annotator_skills="1,0.5", flip_rate=0.1, seed=2)
    summary = run_simulate(config).summary()
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows == simulate(60, annotator_skills=(1.0, 0.5), flip_rate=0.1, seed=2)
    assert (summary["num_pairs"], summary["num_prompts"], summary["num_flipped"]) == (60, 15, 6)


def test_an_existing_file_is_kept_unless_overwrite(tmp_path):
    path = tmp_path / "sim.jsonl"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="--overwrite"):
        run_simulate(SimulateConfig(output_file=str(path), num_pairs=5))
    assert path.read_text(encoding="utf-8") == "mine"
    run_simulate(SimulateConfig(output_file=str(path), num_pairs=5, overwrite=True))
    assert path.read_text(encoding="utf-8").count("\n") == 5


@pytest.mark.parametrize("config", [SimulateConfig(), SimulateConfig(output_file="x.jsonl", annotator_skills="good")])
def test_what_cannot_be_understood_names_its_flag(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="--output_file|--annotator_skills"):
        run_simulate(config)


def test_the_command_writes_and_ends_with_json(tmp_path, capsys):
    path = tmp_path / "sim.jsonl"
    assert main(["simulate", "--output_file", str(path), "--num_pairs", "8", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["num_pairs"] == 8
