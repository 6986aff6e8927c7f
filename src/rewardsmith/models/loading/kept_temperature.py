"""The temperature in a model's ``rewardsmith.json``: what turns its gaps into probabilities."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.runs.manifest import amend_output, disown_output
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.models.loading.embedded import local_source, resolve_model
from rewardsmith.models.loading.reward_models import EXTRA_FILE, read_extra

VALUE = "temperature"
FIT = "temperature_fit"


@dataclass(frozen=True)
class TemperatureFit:
    """What a temperature was fitted on, and to which rewards."""

    scorer: str
    """Fingerprint of model, truncation and aggregate: other rewards need another temperature."""
    dataset: str
    num_pairs: int
    low: float | None
    high: float | None


def folder_for_temperature(path: str) -> Path:
    """The folder in which the temperature of a model or an ensemble belongs; ``ConfigError`` where there is none."""
    if not path or Path(path).is_dir():
        return Path(path)
    several = "several models have none in common; an ensemble's folder (with ensemble.json) would do"
    raise ConfigError(
        f"`fit_temperature` keeps the temperature in the model's folder, and {path} is no folder here: "
        f"{several if ',' in path else 'download the model first'}. Without the option it is only printed."
    )


def keep_temperature(folder: Path, value: float, fit: TemperatureFit) -> None:
    """Adds the temperature to what the folder says about its model, and replaces an earlier one."""
    file = folder / EXTRA_FILE
    disown_output(file)
    write_json(file, {**read_extra(folder), VALUE: value, FIT: asdict(fit)})
    amend_output(file)


def read_temperature(path: str, scorer: str) -> float | None:
    """The temperature that a model carries for the rewards of this scorer; None, said aloud, where it is for others.

    ``path``: as for ``open_scorer``; models named one by one carry none. ``scorer``: its fingerprint. ``ModelError``
    for a value that is no temperature.
    """
    if not Path(path).is_dir() and "," in path:
        return None
    folder = Path(path) if Path(path).is_dir() else Path(local_source(resolve_model(path)).path_or_id)
    extra = read_extra(folder)
    value = extra.get(VALUE)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < inf:
        raise ModelError(f"{folder / EXTRA_FILE}: temperature is {value!r}, not a number above 0.")
    if extra.get(FIT, {}).get("scorer", scorer) != scorer:
        say(
            f"{path} carries a temperature for other rewards (other weights, `max_length` or `aggregate`): "
            "it is not used. `fit_temperature` of evaluate fits one for these."
        )
        return None
    return float(value)


def fitted_on(path: str, dataset: str, num_pairs: int) -> bool:
    """Whether the temperature that a model's folder carries was fitted on a set of this name and size."""
    fit = read_extra(Path(path)).get(FIT) or {}
    return (fit.get("dataset"), fit.get("num_pairs")) == (dataset, num_pairs)
