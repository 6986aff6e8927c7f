"""Prompts are found wherever a set holds them, and are those that `score` sees before the responses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewardsmith.errors import DataError
from rewardsmith.preferences.options import PromptOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.unlabelled.prompt_rows import PromptRow, stream_prompts
from rewardsmith.preferences.unlabelled.samples import load_samples

HI = [{"role": "user", "content": "Hi."}]
BRIEF = [{"role": "system", "content": "Be brief."}, *HI]
TURNS = [*HI, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Why?"}]


def rows_of(*records: Any, **options: Any) -> list[PromptRow]:
    return list(stream_prompts(list(records), PromptOptions(**options)).rows)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"prompt": "Hi."}, HI),
        ({"prompt": BRIEF}, BRIEF),
        ({"prompt": "Hi.", "system": "Be brief."}, BRIEF),
        ({"question": "Hi.", "id": 7}, HI),
        ({"messages": TURNS}, TURNS),
        ({"instruction": "Say:", "input": "Hi."}, [{"role": "user", "content": "Say:\nHi."}]),
        ({"conversations": [{"from": "human", "value": "Hi."}]}, HI),
        ({"question": "Hi.", "answer": "Hello."}, HI),
        ({"messages": [*TURNS, {"role": "assistant", "content": "So."}]}, TURNS),
        ({"prompt": "Hi.", "chosen": "Hello.", "rejected": "What?"}, HI),
        ({"chosen": "\n\nHuman: Hi.\n\nAssistant: Hello.", "rejected": "\n\nHuman: Hi.\n\nAssistant: What?"}, HI),
        ({"prompt": "Hi.", "responses": ["Hello.", "What?", "Hi!"]}, HI),
        ({"prompt": "Hi.", "messages": HI}, HI),
    ],
)
def test_the_prompt_is_found(record: dict[str, Any], expected: list[Any]) -> None:
    [row] = rows_of(record)
    assert row.problem is None and row.prompt == expected


def test_a_named_column_is_read_whatever_else_there_is() -> None:
    [row] = rows_of({"prompt": "No.", "asked": "Hi.", "chosen": "a", "rejected": "b"}, prompt_key="asked")
    assert row.prompt == HI


def test_prompts_of_a_set_of_responses_bear_the_names_that_samples_do() -> None:
    record = {"prompt": BRIEF, "responses": ["Hello.", "What?"]}
    [row] = rows_of(record)
    samples = load_samples([record], PromptOptions().reading())
    assert samples.table["prompt_id"].to_pylist() == [prompt_id(row.prompt)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"prompt": " "}, "empty_field"),
        ({"prompt": []}, "empty_field"),
        ({"other": "Hi."}, "missing_field"),
        ({"prompt": 7}, "wrong_type"),
        ({"prompt": TURNS[:2]}, "wrong_type"),
        ({"prompt": "\ud800"}, "bad_utf8"),
    ],
)
def test_a_row_that_cannot_be_answered_has_a_reason(record: dict[str, Any], reason: str) -> None:
    good, bad = rows_of({"prompt": "Hi."}, record)
    assert good.problem is None and bad.problem is not None and bad.problem.reason == reason
    with pytest.raises(DataError, match="row 2.*`on_bad_row`"):
        rows_of({"prompt": "Hi."}, record, on_bad_row="error")


def test_a_pair_without_a_prompt_has_none_to_answer() -> None:
    turns = ["Hello.", "What?"]
    chosen, rejected = ([{"role": "assistant", "content": text}] for text in turns)
    [row] = rows_of({"chosen": chosen, "rejected": rejected})
    assert row.problem is not None and row.problem.reason == "empty_field"


def test_several_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"prompt": "{name}"}}\nnot JSON\n')
    rows = list(stream_prompts(str(tmp_path), PromptOptions()).rows)
    assert [(row.row, row.prompt[0]["content"] if row.prompt else None) for row in rows] == [
        *((0, "a"), (1, None)),
        *((2, "b"), (3, None)),
    ]
    assert rows[3].place.endswith("b.jsonl line 2")


def test_a_set_without_prompts_is_refused() -> None:
    with pytest.raises(DataError, match="no column of prompts; found topic"):
        rows_of({"topic": "Hi."})
    with pytest.raises(DataError, match="is empty"):
        rows_of()
