"""Rows to score: what a set holds, how each form is read, and that nothing of it stays in memory."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.options import RowOptions
from rewardsmith.preferences.pairs.identity import pair_id
from rewardsmith.preferences.unlabelled.streaming import RowStream, ScoringRow, stream_rows

USER, YES, NO = ({"role": "user", "content": "Is it?"}, *({"role": "assistant", "content": t} for t in ("Yes.", "No.")))


def rows_of(rows: Any, **options: Any) -> list[ScoringRow]:
    return list(stream_rows(rows, RowOptions(**options)).rows)


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("row", "kind", "expected"),
    [
        ({"prompt": "Is it?", "chosen": "Yes.", "rejected": "No."}, "pair", [[USER, YES], [USER, NO]]),
        ({"chosen": [USER, YES], "rejected": [USER, NO], "messages": [USER]}, "pair", [[USER, YES], [USER, NO]]),
        ({"prompt": "Is it?", "response": "Yes."}, "response", [[USER, YES]]),
        ({"prompt": [USER], "completion": [YES]}, "response", [[USER, YES]]),
        ({"prompt": "Is it?", "response": [USER, YES]}, "response", [[USER, YES]]),
        ({"messages": [USER, YES]}, "response", [[USER, YES]]),
        (
            {"conversations": [{"from": "human", "value": "Is it?"}, {"from": "gpt", "value": "Yes."}]},
            "response",
            [[USER, YES]],
        ),
        (
            {"instruction": "Is it?", "input": "", "output": "Yes."},
            "response",
            [[USER, YES]],
        ),
        (
            {"instruction": "Add.", "input": "1, 2", "output": "3"},
            "response",
            [[{"role": "user", "content": "Add.\n1, 2"}, {"role": "assistant", "content": "3"}]],
        ),
        ({"question": "Is it?", "responses": ["Yes.", "No."]}, "responses", [[USER, YES], [USER, NO]]),
        ({"prompt": "Is it?", "completions": [{"response": "Yes."}]}, "responses", [[USER, YES]]),
        ({"prompt": [USER], "candidates": [[YES], [USER, NO]]}, "responses", [[USER, YES], [USER, NO]]),
        (
            {"instruction": "Is it?", "generations": ["Yes.", "No."], "ratings": [5, 1]},
            "responses",
            [[USER, YES], [USER, NO]],
        ),
    ],
)
def test_every_form_gives_whole_conversations(row: dict[str, Any], kind: str, expected: list[Any]) -> None:
    stream = stream_rows([row], RowOptions())
    assert stream.kind == kind
    assert [[list(c) for c in r.conversations] for r in stream.rows] == [expected]


def test_pairs_have_their_identity_and_need_not_teach_anything() -> None:
    rows = rows_of([{"prompt": "Is it?", "chosen": "Yes.", "rejected": "Yes."}] * 2)
    assert [row.pair_id for row in rows] == [pair_id([USER], [YES], [YES])] * 2  # type: ignore[list-item]
    assert [row.row for row in rows] == [0, 1] and all(row.problem is None for row in rows)


def test_an_empty_sample_is_a_response_like_any_other() -> None:
    (row,) = rows_of([{"prompt": "Is it?", "responses": ["", "No."]}])
    assert [conversation[-1]["content"] for conversation in row.conversations] == ["", "No."]


def test_bad_rows_keep_their_place_and_say_why(tmp_path: Path) -> None:
    good = {"prompt": "Is it?", "response": "Yes."}
    bad = [
        {"prompt": "Is it?"},
        {"response": "Yes."},
        {"prompt": "Is it?", "response": ["Yes."]},
        {"prompt": "Is it?", "response": 3},
        {"prompt": "\ud800", "response": "Yes."},
        {"prompt": "Is it?", "response": [USER]},
        [1],
    ]
    path = write(tmp_path / "rows.jsonl", [good] * 8 + bad + [good])
    with path.open("a") as file:
        file.write("{not json\n")
    rows = rows_of(str(path))
    assert [row.row for row in rows] == list(range(17))
    assert [row.problem.reason for row in rows if row.problem is not None] == [
        "missing_field",
        "missing_field",
        "wrong_type",
        "wrong_type",
        "bad_utf8",
        "no_response",
        "not_an_object",
        "malformed_json",
    ]
    assert rows[8].place == f"{path} line 9" and rows[8].conversations == []
    with pytest.raises(DataError, match='line 9: there is no "response". Fix it, or pass `on_bad_row` quarantine'):
        rows_of(str(path), on_bad_row="error")


def test_columns_of_other_names_are_named_by_options() -> None:
    rows = [{"frage": "Is it?", "a": "Yes.", "b": "No."}]
    assert rows_of(rows, prompt_key="frage", response_key="a")[0].conversations == [[USER, YES]]
    pair = rows_of(rows, prompt_key="frage", chosen_key="a", rejected_key="b")[0]
    assert pair.conversations == [[USER, YES], [USER, NO]]
    with pytest.raises(DataError, match="has no column c for `response_key`; it has frage, a, b"):
        rows_of(rows, response_key="c")
    with pytest.raises(ConfigError, match="`response_key` names responses to score"):
        rows_of(rows, response_key="a", chosen_key="a", rejected_key="b")


def test_a_set_without_responses_is_refused_with_its_columns() -> None:
    with pytest.raises(DataError, match="no column to score; found prompt, margin"):
        rows_of([{"prompt": "Is it?", "margin": 1}])
    with pytest.raises(DataError, match="is empty"):
        rows_of([])


def test_a_file_that_cannot_be_read_at_all_is_told_by_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("x\ny\n")
    with pytest.raises(DataError, match="line 1: not valid JSON.* none of the 2 rows"):
        rows_of(str(tmp_path / "x.jsonl"))


def test_files_of_one_set_hold_one_kind_of_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [{"prompt": "Is it?", "response": "Yes."}] * 2)
    write(tmp_path / "b.jsonl", [{"question": "Is it?", "answer": "No."}])
    rows = rows_of(str(tmp_path))
    assert [row.row for row in rows] == [0, 1, 2] and rows[2].conversations == [[USER, NO]]
    write(tmp_path / "c.jsonl", [{"prompt": "Is it?", "responses": ["No."]}])
    with pytest.raises(DataError, match="c.jsonl holds rows of the kind responses, the files before it response"):
        stream_rows(str(tmp_path), RowOptions())  # before a row is read, and hours are spent on those before it


def test_an_empty_file_among_others_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.jsonl", [{"prompt": "Is it?", "response": "Yes."}])
    write(tmp_path / "b.jsonl", [])
    write(tmp_path / "c.jsonl", [{"prompt": "Is it?", "response": "No."}])
    assert [row.conversations for row in rows_of(str(tmp_path))] == [[[USER, YES]], [[USER, NO]]]
    assert "b.jsonl is empty" in capsys.readouterr().err


def test_an_endless_input_is_read_as_it_is_asked_for() -> None:
    def endless() -> Any:
        while True:
            yield {"prompt": "Is it?", "response": "Yes."}

    stream: RowStream = stream_rows(endless(), RowOptions())
    assert [row.row for row in islice(stream.rows, 3000)][-1] == 2999


def test_half_a_surrogate_pair_costs_its_row_alone() -> None:
    rows = rows_of([{"prompt": "p", "chosen": "a", "rejected": text} for text in ("b", "\udc80")])
    assert [row.problem and row.problem.reason for row in rows] == [None, "bad_utf8"]
