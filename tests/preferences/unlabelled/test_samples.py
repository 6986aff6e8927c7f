"""Samples of a policy: what is read of each row, and which rows are not used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rewardsmith.artifacts.files.fingerprints import fingerprint_file
from rewardsmith.contracts.tables import SAMPLES
from rewardsmith.errors import DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.unlabelled.samples import SampleSet, load_samples
from rewardsmith.preferences.unlabelled.streaming import stream_rows

USER = {"role": "user", "content": "Is it?"}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def texts(samples: SampleSet) -> list[list[str]]:
    return [[turns[0]["content"] for turns in row] for row in samples.table["responses"].to_pylist()]


def loaded(rows: Any, **options: Any) -> SampleSet:
    return load_samples(rows, RowOptions(**options))


def test_a_row_with_everything() -> None:
    row = {
        "prompt": [USER],
        "responses": [[assistant("Yes.")], "No.", None, "Maybe."],
        "finish_reason": ["stop", "length", "stop", None],
        "logprob": [-1.5, -2, None, "-3.5"],
        "gold": [0.25, None, 9.0, 1.0],
        "policy": "sha256:ab",
        "on_policy": False,
        "seed": 3,
    }
    samples = loaded([row])
    assert samples.table.schema.equals(SAMPLES)
    assert texts(samples) == [["Yes.", "No.", "Maybe."]]
    (made,) = samples.table.drop_columns(["prompt", "responses"]).to_pylist()
    assert made == {
        "row": 0,
        "prompt_id": prompt_id([USER]),
        "finish_reason": ["stop", "length", None],
        "logprob": [-1.5, -2.0, -3.5],
        "gold": [0.25, None, 1.0],
        "policy": "sha256:ab",
        "on_policy": False,
        "seed": 3,
    }


def test_what_is_not_known_is_null() -> None:
    (made,) = loaded([{"prompt": "Is it?", "responses": ["Yes.", "No."]}]).table.to_pylist()
    assert [made[name] for name in ("finish_reason", "logprob", "gold", "policy", "on_policy", "seed")] == [None] * 6


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Is it?", "completions": ["Yes.", "No."]},
        {"prompt": "Is it?", "candidates": [{"text": "Yes."}, {"text": "No."}]},
        {"prompt": "Is it?", "chosen": "Yes.", "rejected": "No."},
        {"chosen": [USER, assistant("Yes.")], "rejected": [USER, assistant("No.")]},
    ],
    ids=["completions", "objects", "pair", "pair of conversations"],
)
def test_whatever_has_several_responses_to_a_prompt_is_samples(row: dict[str, Any]) -> None:
    samples = loaded([row])
    assert texts(samples) == [["Yes.", "No."]]
    assert samples.table["prompt"].to_pylist()[0][0]["content"] == "Is it?"


def test_a_table_of_samples_is_read_again_and_scored(tmp_path: Path) -> None:
    table = loaded([{"prompt": "Is it?", "responses": ["Yes.", "No."], "gold": [1.0, 2.0], "seed": 1}]).table
    pq.write_table(table, tmp_path / "samples.parquet")
    again = loaded(str(tmp_path / "samples.parquet"))
    assert again.table.equals(table)
    file = tmp_path / "samples.parquet"
    assert again.sources == {str(file): fingerprint_file(file)}
    stream = stream_rows(str(tmp_path / "samples.parquet"), RowOptions())
    (row,) = stream.rows
    assert stream.kind == "responses" and len(row.conversations) == 2 and not stream.not_read


GOOD = {"prompt": "Is it?", "responses": ["Yes.", "No."]}


@pytest.mark.parametrize(
    ("bad", "reason", "message"),
    [
        ({"responses": ["Yes."]}, "missing_field", "fewer than two responses"),
        ({"responses": ["Yes.", None]}, "missing_field", "fewer than two responses"),
        (
            {"responses": [[USER, assistant("Yes.")], [assistant("Is what?"), USER, assistant("No.")]]},
            "different_prompts",
            "the responses belong to different prompts",
        ),
        ({"gold": [1.0]}, "wrong_type", '"gold" is [1.0], not a list of 2 as the responses are'),
        ({"gold": ["good", 1]}, "wrong_type", "\"gold\" is 'good', not a number"),
        ({"logprob": [float("nan"), 1]}, "nan_score", '"logprob" is nan'),
        ({"finish_reason": "stop"}, "wrong_type", "\"finish_reason\" is 'stop', not a list of 2"),
        ({"on_policy": "yes"}, "wrong_type", "\"on_policy\" is 'yes', not true or false"),
        ({"gold": [1e31, 0]}, "out_of_range", '"gold" is 1e+31, beyond 1e+30'),
        ({"policy": "\ud83d"}, "bad_utf8", '"policy" holds half of a surrogate pair'),
        ({"seed": 1.5}, "wrong_type", '"seed" is 1.5, not a whole number'),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(bad: dict[str, Any], reason: str, message: str) -> None:
    samples = loaded([GOOD, {**GOOD, **bad}, GOOD])
    assert samples.table["row"].to_pylist() == [0, 2]
    (row,) = samples.quarantine
    assert (row.row, row.line, row.reason) == (1, 2, reason) and message in row.message
    assert samples.quarantine_by_reason == {reason: 1}
    with pytest.raises(DataError, match="pass `on_bad_row` quarantine"):
        loaded([GOOD, {**GOOD, **bad}], on_bad_row="error")


def test_the_model_refuses_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (GOOD, {**GOOD, "responses": ["Yes.", "Never."]})))
    refused = {"Never.": "no such word"}

    def refusals(conversations: Any) -> dict[int, str]:
        return {i: refused[one[-1]["content"]] for i, one in enumerate(conversations) if one[-1]["content"] in refused}

    samples = load_samples(str(path), RowOptions(), refusals)
    assert texts(samples) == [["Yes.", "No."]]
    (row,) = samples.quarantine
    assert (row.file, row.line, row.reason, row.message) == (str(path), 2, "refused_by_model", "no such word")


def test_nothing_usable_is_an_error_that_says_why() -> None:
    with pytest.raises(DataError, match=r"none of its 1 rows is usable, the first at .* line 1: there are fewer than"):
        loaded([{"prompt": "Is it?", "responses": ["Yes."]}])
    with pytest.raises(DataError, match="one response in each row"):
        loaded([{"prompt": "Is it?", "response": "Yes."}])


def test_the_schema_has_lists_beside_the_responses() -> None:
    lists = [name for name in SAMPLES.names if pa.types.is_list(SAMPLES.field(name).type)]
    assert lists == ["prompt", "responses", "finish_reason", "logprob", "gold"]


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1, 1 - 2**63])
def test_a_seed_of_64_bits_is_kept_to_the_last(seed: int) -> None:
    assert loaded([{**GOOD, "seed": seed}]).table["seed"].to_pylist() == [seed]
