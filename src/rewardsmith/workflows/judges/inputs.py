"""What `judge` compares: responses of several files, and pairs whose truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rewardsmith.contracts.judge import ResponsePair
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.judging.contests import Compared, compared_pairs
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions, RowOptions
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.unlabelled.answers import AnswerSet, load_answers
from rewardsmith.workflows.options.judge import JudgeConfig


@dataclass(frozen=True)
class Truth:
    """A labelled set whose pairs are judged. ``pairs``: chosen first; which is which is not shown to the judge."""

    given: PreferenceSet
    pairs: list[ResponsePair]
    rows: list[dict[str, Any]]
    """``row``, ``pair_id``, ``prompt_id`` and ``target`` of each."""


@dataclass(frozen=True)
class JudgeInputs:
    """Everything to be judged."""

    names: list[str] = field(default_factory=list)
    """Of the files."""
    sets: list[AnswerSet] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    truth: Truth | None = None

    @property
    def pairs(self) -> list[ResponsePair]:
        """Those of the files, then those with labels."""
        return [one.pair for one in self.compared] + (self.truth.pairs if self.truth else [])

    @property
    def prompts(self) -> list[str]:
        """``prompt_id`` of each pair."""
        labelled = [row["prompt_id"] for row in self.truth.rows] if self.truth else []
        return [one.prompt_id for one in self.compared] + labelled

    @property
    def abouts(self) -> list[dict[str, Any]]:
        """What ``judged.jsonl`` says of each pair before the ruling."""
        of_files = [
            {"first": self.names[c.first], "second": self.names[c.second], "prompt_id": c.prompt_id, "number": c.number}
            for c in self.compared
        ]
        labelled = self.truth.rows if self.truth else []
        return of_files + [{"first": "chosen", "second": "rejected", **row} for row in labelled]

    @property
    def fingerprints(self) -> dict[str, str]:
        found = {
            f"{name}: {source}": print_
            for name, one in zip(self.names, self.sets, strict=True)
            for source, print_ in one.sources.items()
        }
        truth = self.truth.given.sources if self.truth else {}
        return found | {f"truth: {source}": print_ for source, print_ in truth.items()}

    @property
    def quarantine(self) -> list[dict[str, Any]]:
        rows = [asdict(bad) for one in self.sets for bad in one.quarantine]
        return rows + ([asdict(bad) for bad in self.truth.given.quarantine] if self.truth else [])


def read_inputs(config: JudgeConfig, files: Sequence[Any] | Mapping[str, Any] | None) -> JudgeInputs:
    """Reads what the options name. ``files``: data sets in memory, by name or not, in place of those named.

    ``ConfigError`` for a lone file or for nothing to do; ``DataError`` where no prompt has two answers.
    """
    named = _named(config.files.split(",") if files is None else files)
    if len(named) == 1:
        raise ConfigError(f"`files` names {next(iter(named))!r} alone: it takes at least two files to compare.")
    if not named and config.judge_truth is None:
        raise ConfigError("nothing to judge: name two files or more, or a labelled set with `judge_truth`.")
    options = RowOptions(prompt_key=config.prompt_key, response_key=config.response_key, on_bad_row=config.on_bad_row)
    sets = [load_answers(data, options) for data in named.values()]
    compared = compared_pairs(sets, config.opponents, config.max_prompts, config.max_responses)
    if sets and not compared:
        raise DataError(
            f"{', '.join(named)} share no prompt: they are compared on prompts that two files have answered."
        )
    return JudgeInputs(list(named), sets, compared, _truth(config))


def _named(files: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Data sets by a short name: of a file that without folder and suffix, where no other has it."""
    if isinstance(files, Mapping):
        return dict(files)
    given = [one.strip() if isinstance(one, str) else one for one in files]
    given = [one for one in given if one != ""]
    is_path = [isinstance(one, str | Path) for one in given]
    stems = [Path(one).name.split(".")[0] if path else "rows" for one, path in zip(given, is_path, strict=True)]
    seen = Counter(stems)
    names = [
        stem if seen[stem] == 1 else f"{one}" if path and given.count(one) == 1 else f"{stem} {number}"
        for number, (stem, one, path) in enumerate(zip(stems, given, is_path, strict=True), 1)
    ]
    return {name: str(one) if path else one for name, one, path in zip(names, given, is_path, strict=True)}


def _truth(config: JudgeConfig) -> Truth | None:
    if config.judge_truth is None:
        return None
    data = DataOptions(
        config.judge_truth, near_duplicates="off", on_bad_row=config.on_bad_row, max_pairs=config.max_truth_pairs
    )
    given = load_preferences(config.judge_truth, data, config.run.seed)
    columns = ("row", "pair_id", "prompt_id", "target")
    table = given.table.select([*columns, "prompt", "chosen", "rejected"]).to_pylist()
    pairs = [
        ResponsePair([*row["prompt"], *row["chosen"][:-1]], row["chosen"][-1], row["rejected"][-1]) for row in table
    ]
    return Truth(given, pairs, [{name: row[name] for name in columns} for row in table])
