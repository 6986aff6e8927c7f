"""The file of arms: names, and under each the options of `train` that are the arm's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from rewardsmith.artifacts.config.flat_config import build_config, flatten, leaf_types
from rewardsmith.artifacts.config.yaml_text import parse_yaml
from rewardsmith.artifacts.options import RunOptions
from rewardsmith.errors import ConfigError

Config = TypeVar("Config")
Values = Mapping[str, Any]

NOT_FOR_ARMS = {
    "learning_rate": "every arm gets its rate from `learning_rates`",
    "eval_dataset_name": "all arms are tested on the same pairs: name sets with `test`",
    "eval_fraction": "all arms are tested on the same pairs: ask for a `test_share`",
    "eval_steps": "nothing is measured on the way: look at the held-out part of each training",
    "max_pairs": "all arms learn from the same pairs: give it to the study",
    "report_to": "a study has many runs: look at runs/*/metrics.jsonl in its folder",
    "run_name": "a study has many runs: look at runs/*/metrics.jsonl in its folder",
}
"""Options of `train` that no arm can have for itself, and why."""
NOT_FOR_STUDIES = NOT_FOR_ARMS.keys() - {"max_pairs"}


def read_arms(file: str) -> dict[str, Values]:
    """The arms by name, in the order of the file. ``ConfigError`` where it is not a table of arms."""
    if not file:
        raise ConfigError("`arms` is missing: name the YAML file of what is to be compared (see docs/methods/arms.md).")
    try:
        content = parse_yaml(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"`arms` {file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"`arms` {file} must hold a name and its options for each arm, as `plain: {{}}`.")
    return {str(name): _options(file, name, options) for name, options in content.items()}


def arm_configs(
    config_class: type[Config], shared: Values, arms: Mapping[str, Values], where: str
) -> dict[str, Config]:
    """What each arm trains with: the options of the study, and its own above them.

    ``ConfigError`` as on the command line, for fewer than two arms, and for options that are not theirs to set.
    """
    if len(arms) < 2:
        raise ConfigError(f"{where}: {len(arms)} arms leave nothing to compare; name two or more.")
    defaults = flatten(config_class())
    for option in NOT_FOR_STUDIES:
        if shared[option] != defaults[option]:
            raise ConfigError(f"`{option}` {shared[option]}: {NOT_FOR_ARMS[option]}.")
    return {
        name: build_config(config_class, {**shared, **_allowed(own, f"{where}, arm {name}")}, f"{where}, arm {name}")
        for name, own in arms.items()
    }


def _allowed(own: Values, place: str) -> Values:
    for option in own:
        if option in leaf_types(RunOptions):
            raise ConfigError(f"{place}: {option} is the study's to set, for all arms.")
        if option in NOT_FOR_ARMS:
            raise ConfigError(f"{place}: {option} is not an arm's to set: {NOT_FOR_ARMS[option]}.")
    return own


def _options(file: str, name: Any, options: Any) -> Values:
    if options is None:  # a name alone
        return {}
    if not isinstance(options, dict):
        raise ConfigError(f"`arms` {file}: {name} must hold options of `train`, one a line, not {options!r}.")
    return {str(option): value for option, value in options.items()}
