"""What a study of arms is asked for, read and checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rewardsmith.artifacts.config.flat_config import at_home, flatten, leaf_types, suggest
from rewardsmith.errors import ConfigError
from rewardsmith.models.options import ModelOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.studies.arms.arm_file import arm_configs, read_arms
from rewardsmith.workflows.options.study_arms import StudyArmsConfig
from rewardsmith.workflows.options.train import TrainConfig
from rewardsmith.workflows.steps.train_model import check_training

OWN_TEST = "own"
"""Name of the test that is a part of the set itself."""
COURSE = {
    *leaf_types(ModelOptions),
    *leaf_types(DataOptions),
    *("on_long_pair", "packing", "per_device_train_batch_size", "gradient_accumulation_steps"),
}
"""Options that decide with which weights an arm begins and which pairs it meets in which step."""


@dataclass(frozen=True)
class ArmPlan:
    """Arms in the order of the file."""

    configs: Mapping[str, TrainConfig]
    own: Mapping[str, dict[str, Any]]
    """Of each arm the options that it has for itself."""
    baseline: str
    rates: tuple[float, ...]
    tests: Mapping[str, str]
    """Names and data sets, but for the part of the set itself."""
    seeds: tuple[int, ...]

    def same_course(self, arm: str) -> bool:
        """Whether it begins, and goes through the pairs, as the baseline does."""
        own, base = flatten(self.configs[arm]), flatten(self.configs[self.baseline])
        return all(own[option] == base[option] for option in COURSE)

    def reads_another_set(self, arm: str) -> bool:
        """Whether it has options of reading for itself: a refined version of the pairs, most often."""
        return bool(leaf_types(DataOptions).keys() & self.own[arm].keys())

    def has_own_pairs(self, arm: str) -> bool:
        """Whether it learns from another version of the pairs, or from what an audit says of them."""
        return self.reads_another_set(arm) or bool(self.configs[arm].noise_aware)


def plan_of(config: StudyArmsConfig, arms: Mapping[str, Mapping[str, Any]] | None = None) -> ArmPlan:
    """The plan of a study; ``arms``: instead of those of the file. ``ConfigError`` for whatever cannot be."""
    study = config.study
    _check(config)
    where = "arms" if arms is not None else f"--arms {study.arms}"
    own = {name: dict(options) for name, options in (read_arms(study.arms) if arms is None else arms).items()}
    configs = arm_configs(TrainConfig, flatten(config.train), own, where)
    for name, each in configs.items():
        try:
            check_training(each)
        except ConfigError as error:
            raise ConfigError(f"{where}, arm {name}: {error}") from error
    baseline = study.baseline or next(iter(own))
    if baseline not in own:
        raise ConfigError(f"--baseline {baseline} is no arm of {where}.{suggest(baseline, own)}")
    seeds = range(config.run.seed, config.run.seed + study.num_seeds)
    plan = ArmPlan(configs, own, baseline, parse_rates(study.learning_rates), parse_tests(study.test), tuple(seeds))
    if not (study.test_share or plan.tests):
        raise ConfigError("--test_share 0 leaves nothing to test on: name a set with --test.")
    return plan


def parse_rates(text: str) -> tuple[float, ...]:
    """Learning rates from ``1e-5,3e-5``, the lowest first."""
    rates = set()
    for word in text.split(","):
        try:
            rate = float(word)
        except ValueError:
            rate = 0.0
        if not (rate > 0 and isfinite(rate)):
            raise ConfigError(f"--learning_rates {text}: {word.strip()!r} is no learning rate; give numbers above 0.")
        rates.add(rate)
    return tuple(sorted(rates))


def parse_tests(text: str) -> dict[str, str]:
    """Names and data sets from ``elsewhere=other.jsonl,third=...``."""
    tests: dict[str, str] = {}
    for word in filter(None, map(str.strip, text.split(","))):
        name, equals, dataset = word.partition("=")
        if not (name and equals and dataset):
            raise ConfigError(f"--test {word}: write it as name=data set, such as elsewhere=other.jsonl.")
        if name in {OWN_TEST, *tests}:
            taken = "is what the part of the set itself is called" if name == OWN_TEST else "stands twice"
            raise ConfigError(f"--test {word}: the name {name} {taken}; choose another.")
        tests[name] = at_home(dataset)
    return tests


def _check(config: StudyArmsConfig) -> None:
    study = config.study
    for flag, value in (("num_seeds", study.num_seeds), ("workers", study.workers)):
        if value < 1:
            raise ConfigError(f"--{flag} {value} must be at least 1.")
    if study.num_train_pairs is not None and study.num_train_pairs < 1:
        raise ConfigError(f"--num_train_pairs {study.num_train_pairs} must be at least 1.")
    if not 0 <= study.test_share < 1:
        raise ConfigError(f"--test_share {study.test_share:g} must be at least 0 and below 1.")
    if not 0 < study.held_out_share < 1:
        raise ConfigError(f"--held_out_share {study.held_out_share:g} must lie between 0 and 1.")
