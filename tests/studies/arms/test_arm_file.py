import pytest

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.errors import ConfigError
from rewardsmith.studies.arms.arm_file import arm_configs, read_arms
from rewardsmith.workflows.options.train import TrainConfig

SHARED = flatten(TrainConfig())


def configs(arms, **shared):
    return arm_configs(TrainConfig, {**SHARED, **shared}, arms, "arms.yaml")


def test_a_file_holds_names_and_their_options(tmp_path):
    file = tmp_path / "arms.yaml"
    file.write_text("plain:\ncentred:\n  center_rewards_coefficient: 0.01\n  dropout: 0.1\n")
    assert read_arms(str(file)) == {"plain": {}, "centred": {"center_rewards_coefficient": 0.01, "dropout": 0.1}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- plain\n", "must hold a name and its options for each arm"),
        ("plain: 3\n", "plain must hold options of `train`, one a line, not 3"),
        ("plain: {}\nplain: {}\n", "the key 'plain' stands twice"),
    ],
)
def test_what_is_no_table_of_arms_is_refused(tmp_path, text, words):
    (tmp_path / "arms.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_arms(str(tmp_path / "arms.yaml"))


def test_a_file_that_is_missing_is_told():
    with pytest.raises(ConfigError, match="`arms` is missing: name the YAML file"):
        read_arms("")
    with pytest.raises(ConfigError, match=r"`arms` nowhere\.yaml cannot be read: No such file"):
        read_arms("nowhere.yaml")


def test_an_arm_has_the_options_of_the_study_and_its_own_above_them():
    found = configs({"plain": {}, "long": {"num_train_epochs": 3}}, num_train_epochs=2.0, max_length=64)
    assert [c.train.num_train_epochs for c in found.values()] == [2, 3]
    assert {c.model.max_length for c in found.values()} == {64}


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"dropuot": 0.1}, r"arms\.yaml, arm odd: unknown option 'dropuot'. Did you mean dropout\?"),
        ({"dropout": "much"}, r"arms\.yaml, arm odd: dropout must be a number, not 'much'"),
        ({"learning_rate": 1e-3}, "arm odd: learning_rate is not an arm's to set: every arm gets its rate from"),
        ({"eval_fraction": 0.1}, "arm odd: eval_fraction is not an arm's to set: all arms are tested on the same"),
        ({"seed": 3}, "arm odd: seed is the study's to set, for all arms"),
    ],
)
def test_an_option_that_an_arm_cannot_have_is_named_with_the_arm(own, words):
    with pytest.raises(ConfigError, match=words):
        configs({"plain": {}, "odd": own})


def test_an_option_that_no_study_can_have_is_named():
    with pytest.raises(ConfigError, match=r"`learning_rate` 0.001: every arm gets its rate from `learning_rates`"):
        configs({"plain": {}, "other": {}}, learning_rate=1e-3)


def test_one_arm_leaves_nothing_to_compare():
    with pytest.raises(ConfigError, match=r"arms\.yaml: 1 arms leave nothing to compare"):
        configs({"plain": {}})
