"""Where a run writes: a place named after verb and data set unless it is told, and never over what it reads."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.files.partial import remove_abandoned
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import ConfigError, OutputError
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.workflows.options.audit import AuditConfig
from rewardsmith.workflows.options.evaluate import EvaluateConfig
from rewardsmith.workflows.options.study_arms import StudyArmsConfig
from rewardsmith.workflows.options.study_noise import StudyNoiseConfig
from rewardsmith.workflows.options.train import TrainConfig

RUNS = Path("runs")
QUARANTINE = "quarantine.jsonl"


def default_output(verb: str, dataset_name: str) -> Path:
    """``runs/<verb>-<name>``, with only letters, digits, dots, dashes and underscores in the name."""
    slug = re.sub(r"[^\w.-]+", "-", dataset_name).strip("-.") or "set"
    return RUNS / f"{verb}-{slug[:60]}"


def open_folder(
    verb: str,
    config: AuditConfig | EvaluateConfig | StudyArmsConfig | StudyNoiseConfig | TrainConfig,
    given: PreferenceSet,
    inputs: Mapping[str, str] = {},
    may_change: Collection[str] = (),
) -> RunFolder:
    """The folder of a run that reads a set, with the rows that cannot be used already in it.

    ``inputs`` and ``may_change``: as for ``RunFolder.open``; the set's own files need not be named.
    """
    folder = RunFolder.open(
        config.run.output_dir or default_output(verb.replace(" ", "-"), given.name),
        verb,
        flatten(config),
        {**given.sources, **inputs},
        config.run.overwrite,
        config.run.seed,
        may_change,
    )
    if given.quarantine:
        write_jsonl(folder.path / QUARANTINE, (asdict(row) for row in given.quarantine))
        say(f"{len(given.quarantine):,} of {given.num_rows_read:,} rows cannot be used: see {QUARANTINE}.")
    return folder


def refuse_existing(output: Path, overwrite: bool) -> None:
    """``OutputError`` where a file exists that is not to be replaced; removes what a killed run left of it."""
    remove_abandoned(output.parent, output.name)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists. Choose another --output_file, or pass --overwrite.")


def refuse_inputs(flag: str, output: str | Path, inputs: Iterable[str | Path]) -> None:
    """``ConfigError`` where ``output`` is one of the inputs, or a folder that holds one. Names without a file pass."""
    target = Path(output).resolve()
    for name in inputs:
        read = Path(name).resolve()
        if read.exists() and (target == read or target in read.parents):
            raise ConfigError(f"{flag} {output}: {name} is read from there and would be replaced. Choose another.")
