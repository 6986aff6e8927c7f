"""The files that `sample` writes: a row for each prompt with all its responses, and the rows that have none."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from rewardsmith.artifacts.files.atomic import atomic_path, write_jsonl
from rewardsmith.artifacts.files.parts import PartsFolder
from rewardsmith.contracts.conversations import Message, with_fields
from rewardsmith.contracts.metrics.sample import AnswerCounts
from rewardsmith.contracts.sampler import Answers, Sample
from rewardsmith.errors import ConfigError, OutputError
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.pairs.preference_set import QuarantinedRow
from rewardsmith.preferences.unlabelled.prompt_rows import PromptRow
from rewardsmith.workflows.outputs.output_paths import refuse_existing

SUFFIX = ".jsonl"
LOGPROB_DIGITS = 4
"""After the point, in nats: rounding of the policy's own numbers stays below."""


def check_output(path: Path, overwrite: bool) -> None:
    """Raises ``ConfigError`` or ``OutputError`` where a file cannot be written as asked."""
    if path.suffix != SUFFIX:
        raise ConfigError(f"--output_file {path} must end with {SUFFIX}.")
    if path.is_dir():
        raise OutputError(f"--output_file {path} is a folder; name a file in it.")
    if path.exists() and not overwrite:
        PartsFolder(path).remove_if_joined()
    refuse_existing(path, overwrite)


def sample_row(row: PromptRow, answers: Answers, about: Mapping[str, Any]) -> dict[str, Any]:
    """A row of ``contracts.tables.SAMPLES`` in the form that `score` and `train` read. ``about``: policy and seed."""
    logprobs = [_rounded(sample.logprob) for sample in answers.samples]
    return {
        "row": row.row,
        "prompt_id": prompt_id(row.prompt),
        "prompt": [with_fields(message) for message in row.prompt],
        "responses": [_readable(sample.response) for sample in answers.samples],
        "finish_reason": [sample.finish_reason for sample in answers.samples],
        "logprob": None if None in logprobs else logprobs,
        **about,
    }


def pair_rows(row: PromptRow, answers: Answers) -> list[dict[str, Any]]:
    """Preferences that `train` reads: what the row holds above each response drawn."""
    assert row.response is not None
    both = {"prompt": [with_fields(message) for message in row.prompt], "chosen": _readable(row.response)}
    return [{**both, "rejected": _readable(sample.response)} for sample in answers.samples]


def counts_of(answers: Sequence[Answers]) -> AnswerCounts:
    """Of some prompts, refused ones left out."""
    answered = [one for one in answers if one.problem is None]
    samples = [sample for one in answered for sample in one.samples]
    return {
        "num_prompts": len(answered),
        "num_prompts_cut": sum(one.num_cut > 0 for one in answered),
        "num_responses": len(samples),
        "num_cut_off": sum(sample.finish_reason == "length" for sample in samples),
        "num_empty": sum(not sample.response["content"].strip() for sample in samples),
        "num_tokens": _num_tokens(samples),
    }


def summed(counts: Sequence[Mapping[str, Any]]) -> AnswerCounts:
    """The counts of all of them; one that any does not know is unknown."""
    columns = {name: [one[name] for one in counts] for name in AnswerCounts.__annotations__}
    return cast(AnswerCounts, {name: None if None in values else sum(values) for name, values in columns.items()})


def write_quarantine(output: Path, bad: Sequence[QuarantinedRow]) -> None:
    """Keeps the rows that have no responses beside the output; where there are none, there is no such file."""
    path = output.with_name(f"{output.stem}.quarantine{SUFFIX}")
    if bad:
        write_jsonl(path, (asdict(row) for row in sorted(bad, key=lambda row: row.row)))
    else:
        path.unlink(missing_ok=True)


def join(parts: Sequence[Path], output: Path) -> None:
    """Puts the parts together in constant memory."""
    with atomic_path(output) as temporary, temporary.open("wb") as target:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target)


def _readable(response: Message) -> Any:
    """The text; where there is more to a response, its messages."""
    return [with_fields(response)] if response.get("extra") else response["content"]


def _rounded(logprob: float | None) -> float | None:
    return None if logprob is None else round(logprob, LOGPROB_DIGITS)


def _num_tokens(samples: Sequence[Sample]) -> int | None:
    lengths = [sample.num_tokens for sample in samples]
    return None if None in lengths else sum(length or 0 for length in lengths)
