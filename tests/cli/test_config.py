"""Flags, a YAML file and a word on its own become one configuration; what is wrong is told in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rewardsmith.cli.config import _in_one_line, config_to_yaml, parse_config
from rewardsmith.errors import ConfigError
from rewardsmith.policy.options import SETTINGS
from rewardsmith.preferences.options import DataOptions
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.options.cache import CacheConfig
from rewardsmith.workflows.options.iterate import IterateConfig
from rewardsmith.workflows.options.judge import JudgeConfig
from rewardsmith.workflows.options.refine import RefineConfig
from rewardsmith.workflows.options.show import ShowConfig
from rewardsmith.workflows.options.study_arms import StudyArmsConfig


def parse(*arguments: str) -> AuditConfig:
    return parse_config(AuditConfig, arguments, prog="rewardsmith audit", help_text="Help.")


def complaint(*arguments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_flags_set_nested_options_by_their_flat_names() -> None:
    config = parse("--dataset_name", "a.jsonl", "--max_length=64", "--planted_rate", "0.1", "--overwrite")
    assert config.data.dataset_name == "a.jsonl"
    assert config.model.max_length == 64
    assert config.self_audit.planted_rate == 0.1
    assert config.run.overwrite


def test_a_word_on_its_own_is_the_data_set_wherever_it_stands() -> None:
    for arguments in (["p.jsonl", "--seed", "3"], ["--seed", "3", "p.jsonl"], ["--overwrite", "p.jsonl", "--seed=3"]):
        config = parse(*arguments)
        assert (config.data.dataset_name, config.run.seed) == ("p.jsonl", 3)


def test_words_without_a_flag_are_the_files_where_a_verb_compares_some() -> None:
    config = parse_config(JudgeConfig, ["a.jsonl", "--seed", "1", "b.jsonl", "c.jsonl"], prog="p", help_text="")
    assert (config.files, config.run.seed) == ("a.jsonl,b.jsonl,c.jsonl", 1)
    with pytest.raises(ConfigError, match="The list of files is named twice"):
        parse_config(JudgeConfig, ["a.jsonl", "--files", "b.jsonl"], prog="p", help_text="")


def test_a_test_may_be_named_again_while_other_flags_count_once() -> None:
    words = ["--test", "a=x.jsonl", "--seed", "1", "--test=b=y.jsonl", "--seed", "2"]
    config = parse_config(StudyArmsConfig, words, prog="rewardsmith study arms", help_text="Help.")
    assert (config.study.test, config.run.seed) == ("a=x.jsonl,b=y.jsonl", 2)


def test_dashes_and_underscores_are_the_same() -> None:
    assert parse("--max-length", "64", "--no-baselines") == parse("--max_length", "64", "--no_baselines")
    assert parse("--no_baselines").self_audit.baselines is False


def test_values_may_be_negative_empty_or_look_like_words() -> None:
    assert parse("--max_pairs", "-3").data.max_pairs == -3
    assert parse("--max_pairs", "None").data.max_pairs is None
    assert parse("--dataset_name=--odd").data.dataset_name == "--odd"
    assert parse("--chosen_key", "a b=c").data.chosen_key == "a b=c"


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("max_length: 64\nseed: 5\nplanted_rate: 0\n")
    config = parse("--seed", "7", "--config", str(tmp_path / "c.yaml"))
    assert (config.model.max_length, config.run.seed, config.strength.num_folds) == (64, 7, 5)


def test_a_printed_configuration_can_be_fed_back(tmp_path: Path) -> None:
    config = parse("p.jsonl", "--max_pairs", "5", "--dry_run", "--device", "cpu", "--chosen_key", "größe: 🙂")
    (tmp_path / "c.yaml").write_text(config_to_yaml(config), encoding="utf-8")
    again = parse("--config", str(tmp_path / "c.yaml"), "--dry_run")
    assert again == config
    assert not parse("--config", str(tmp_path / "c.yaml")).run.dry_run


def test_a_configuration_that_comes_with_the_package() -> None:
    config = parse_config(IterateConfig, ["--config", "embedded/loop", "--num_rounds", "5"], "rewardsmith iterate", "")
    assert config.in_world and config.rounds.num_rounds == 5 and config.policy.ppo.advantage == "rloo"
    assert "Did you mean embedded/loop?" in complaint("--config", "embedded/lop")


@pytest.mark.parametrize("name", SETTINGS)
def test_named_settings_are_those_that_python_has(name: str) -> None:
    config = parse_config(IterateConfig, ["--config", f"embedded/{name}"], "rewardsmith iterate", "")
    assert config == replace(IterateConfig(), policy=SETTINGS[name])
    assert f"embedded/{name}" in (IterateConfig.__doc__ or "")


def test_later_files_win_over_named_settings_and_flags_over_both(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("num_ppo_epochs: 2\nnum_rollouts: 7\n")
    words = ["--num_rollouts=9", "--config", "embedded/ppo-paper", "--config", str(tmp_path / "own.yaml")]
    policy = parse_config(IterateConfig, words, "rewardsmith iterate", "").policy
    assert (policy.ppo.num_ppo_epochs, policy.rollouts.num_rollouts) == (2, 9)
    assert policy.optimizer.policy_learning_rate == 5e-7
    assert "embedded/ppo-paper: unknown option 'sampling'" in complaint("--config", "embedded/ppo-paper")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# nothing yet\n")
    assert parse("--config", str(tmp_path / "c.yaml")) == AuditConfig()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--datset_name", "x"], "unknown option --datset_name. Did you mean --dataset_name?"),
        (["--no_seed"], "unknown option --no_seed: only a switch can be turned off"),
        (["-q"], "unknown option -q."),
        (["--max_pairs", "abc"], "--max_pairs 'abc' must be a whole number."),
        (["--learning_rate", "1,5"], "--learning_rate '1,5' must be a number."),
        (["--seed", "-1"], "`seed` -1 must be at least 0."),
        (["--device", "qq"], "invalid choice 'qq' for argument '--device'"),
        (["--max_pairs"], "--max_pairs needs a value"),
        (["--max_pairs", "--seed", "3"], "--max_pairs needs a value"),
        (["a.jsonl", "b.jsonl"], "'b.jsonl' is not expected here: the data set is 'a.jsonl' already"),
        (["a.jsonl", "--dataset_name", "b.jsonl"], "named twice"),
        (["--overwrite=yes"], "--overwrite takes no value"),
        (["--config", "/nowhere/c.yaml"], "cannot be read"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(arguments: list[str], message: str) -> None:
    told = complaint(*arguments)
    assert message in told and "--- " not in told


def test_a_box_is_told_in_one_line_whether_it_is_drawn_with_lines_or_with_dashes() -> None:
    for rule in ("─", "-"):
        box = f"Parsing error\n{rule * 70}\ninvalid choice 'x'.\n{rule * 70}\nFor full helptext, run it\n"
        assert _in_one_line(box) == "invalid choice 'x'."
    assert (
        _in_one_line("╭─ Parsing error ──╮\n│ invalid │\n│ choice  │\n│ ─────── │\n│ help │\n╰───╯") == "invalid choice"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("maxlength: 3", "unknown option 'maxlength'. Did you mean max_length?"),
        ("max_length: long", "max_length must be a whole number, not 'long'"),
        ("- 1\n- 2", "must hold lines of the form"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_told_in_one_line_with_its_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    told = complaint("--config", str(tmp_path / "c.yaml"))
    assert message in told
    assert "c.yaml" in told


def test_a_word_on_its_own_is_the_audit_where_no_data_set_is_read() -> None:
    shown = parse_config(ShowConfig, ["runs/a", "--top", "3"], prog="rewardsmith show", help_text="")
    assert (shown.audit_dir, shown.top) == ("runs/a", 3)
    refined = parse_config(RefineConfig, ["runs/a"], prog="rewardsmith refine", help_text="")
    assert refined.refine.audit_dir == "runs/a"
    with pytest.raises(ConfigError, match="'b' is not expected here: the audit is 'a' already"):
        parse_config(ShowConfig, ["a", "b"], prog="rewardsmith show", help_text="")
    with pytest.raises(ConfigError, match="The audit is named twice: 'a' and --audit_dir"):
        parse_config(ShowConfig, ["a", "--audit_dir", "b"], prog="rewardsmith show", help_text="")


def test_an_option_named_by_a_word_of_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--class", "strong"], ["--class=strong"]):
        config = parse_config(ShowConfig, arguments, prog="rewardsmith show", help_text="")
        assert config.class_ == "strong"
    (tmp_path / "c.yaml").write_text(config_to_yaml(config))
    assert "\nclass: strong\n" in (tmp_path / "c.yaml").read_text()
    from_file = ["--config", str(tmp_path / "c.yaml")]
    assert parse_config(ShowConfig, from_file, prog="rewardsmith show", help_text="") == config
    with pytest.raises(SystemExit):
        parse_config(ShowConfig, ["--help"], prog="rewardsmith show", help_text="")
    assert "--class STR" in capsys.readouterr().out


def test_a_verb_without_a_data_set_takes_no_lone_word() -> None:
    with pytest.raises(ConfigError, match="options begin with two dashes"):
        parse_config(CacheConfig, ["x"], prog="rewardsmith cache", help_text="Help.")


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.yaml").write_text('output_dir: "~/out"\n')
    config = parse("--config", "~/x.yaml", "~/pairs.jsonl", "--model_name_or_path=~/model")
    assert config.run.output_dir == f"{tmp_path}/out"
    assert config.data.dataset_name == f"{tmp_path}/pairs.jsonl"
    assert parse("--output_dir", "~").run.output_dir == str(tmp_path)
    assert parse("--output_dir", "a~b").run.output_dir == "a~b"


def test_what_a_terminal_would_obey_is_escaped_in_a_configuration() -> None:
    assert r'dataset_name: "x\u202E"' in config_to_yaml(AuditConfig(data=DataOptions(dataset_name="x\u202e")))
