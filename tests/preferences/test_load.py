"""The way in as a whole: every row is accounted for, and errors say what is needed."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rewardsmith.contracts.tables import PAIRS
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.preferences.formats import FORMATS
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.problems import REASONS
from rewardsmith.preferences.rows.optional_columns import NUMBERS, TEXTS

GOOD = {"prompt": "p", "chosen": "a", "rejected": "b"}
OPTIONAL = [name for names in (*NUMBERS.values(), *TEXTS.values()) for name in names]
KEYS = sorted(
    {"system", "history", "winner_model_a", *OPTIONAL, *(column for form in FORMATS for column in form.columns)}
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["a", "user"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "x"]), "content": LEAVES}))
TURNS = st.lists(st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt", "x"]), "value": LEAVES}))
RANKED = st.lists(st.fixed_dictionaries({"rank": LEAVES, "completion": LEAVES | MESSAGES}))
VALUES = st.recursive(
    LEAVES | MESSAGES | TURNS | RANKED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "Rating", "response"]), inner),
    max_leaves=6,
)
RECORDS = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), VALUES, max_size=6) | VALUES
FORMATS = st.sampled_from(["auto", *(form.name for form in FORMATS)])


@given(garbage=st.lists(RECORDS, max_size=6), place=st.integers(0, 6))
@settings(max_examples=120, deadline=None)
def test_every_row_is_a_pair_or_in_the_quarantine(garbage: list[Any], place: int) -> None:
    rows = [*garbage[:place], GOOD, *garbage[place:]]
    found = load_preferences(rows, DataOptions(format="trl"))
    assert found.num_rows_read == len(rows) == found.table.num_rows + len(found.quarantine)
    numbers = found.table["row"].to_pylist() + [bad.row for bad in found.quarantine]
    assert sorted(numbers) == list(range(len(rows)))
    assert {bad.reason for bad in found.quarantine} <= set(REASONS)


@given(record=RECORDS, format_name=FORMATS)
@example(record="~0", format_name="auto")  # no such user has a home
@settings(max_examples=120, deadline=None)
def test_garbage_never_ends_in_anything_but_an_input_error(record: Any, format_name: str) -> None:
    try:
        found = load_preferences([record], DataOptions(format=format_name))
    except DataError as error:
        num_lines = len(str(error).split("\n"))
    else:
        num_lines = found.num_rows_read
    assert num_lines == 1


@given(lines=st.lists(st.binary(max_size=20) | st.just(json.dumps(GOOD).encode()), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_of_any_kind_are_accounted_for(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "rows.jsonl"
    content = b"\n".join([json.dumps(GOOD).encode(), *lines])
    path.write_bytes(content)
    found = load_preferences(str(path), DataOptions())
    assert found.num_rows_read == sum(1 for line in content.split(b"\n") if line and not line.isspace())


def test_the_table_has_the_schema_of_the_contract(load, good_rows) -> None:
    found = load(good_rows)
    assert found.table.schema == PAIRS
    assert (found.format, found.name, found.num_rows_available) == ("trl", "in-memory", 4)
    assert found.table["row"].to_pylist() == [0, 1, 2, 3]
    assert json.loads(found.table["original"][1].as_py()) == good_rows[1]


@pytest.mark.parametrize(
    "text",
    [
        "naïve – “quoted”",
        "👩🏽‍🚀🏳️‍🌈",
        "שלום\u200f עולם",
        " leading and trailing \n",
        "tab\tnul\x00bell\x07",
        "a\r\nb\rc",
        "é e\u0301",
    ],
)
def test_text_survives_byte_for_byte(load, write, text: str) -> None:
    turns = [("system", f"You: {text}"), ("user", f"One {text}"), ("assistant", f"Two {text}"), ("user", text)]
    prompt = [{"role": role, "content": content} for role, content in turns]
    row = {"prompt": prompt, "chosen": f"{text} yes", "rejected": f"{text} no"}
    for dataset in ([row], str(write("pairs.jsonl.gz", [row])), pa.Table.from_pylist([row])):
        pair = load(dataset).table.to_pylist()[0]
        assert pair["prompt"] == [{**turn, "extra": None} for turn in prompt]
        assert pair["chosen"] == [{"role": "assistant", "content": f"{text} yes", "extra": None}]
        assert pair["rejected"] == [{"role": "assistant", "content": f"{text} no", "extra": None}]
        assert json.loads(pair["original"]) == row


def test_bad_rows_are_kept_with_file_line_and_reason(load, write, good_rows) -> None:
    blank = {**good_rows[1], "chosen": " \n"}
    path = write("pairs.jsonl", [good_rows[0], "{broken", "", blank, b'{"chosen": "\xff"}', 7])
    found = load(str(path))
    assert [(bad.line, bad.row, bad.reason) for bad in found.quarantine] == [
        (2, 1, "malformed_json"),
        (4, 2, "empty_field"),
        (5, 3, "bad_utf8"),
        (6, 4, "not_an_object"),
    ]
    assert {bad.file for bad in found.quarantine} == {str(path)}
    assert found.quarantine[0].original == "{broken"
    assert found.quarantine_by_reason["empty_field"] == 1
    finding = next(finding for finding in found.findings if finding.check == "empty_field")
    assert (finding.count, finding.action) == (1, "quarantined")
    assert finding.examples == [{"file": str(path), "line": 4, "row": 2}]


def test_the_first_bad_row_can_stop_the_run(load, write, good_rows) -> None:
    path = write("pairs.jsonl", [good_rows[0], {**good_rows[1], "rejected": ""}])
    with pytest.raises(DataError, match=r'pairs\.jsonl line 2: "rejected" is empty.*`on_bad_row` quarantine'):
        load(str(path), on_bad_row="error")


def test_half_a_surrogate_pair_is_bad_text(load, write, good_rows) -> None:
    path = write("pairs.jsonl", ['{"prompt": "p", "chosen": "\\ud83d", "rejected": "b"}', *good_rows])
    found = load(str(path))
    assert [bad.reason for bad in found.quarantine] == ["bad_utf8"]
    json.dumps(found.quarantine[0].original, ensure_ascii=False).encode()


def test_a_file_without_rows_says_what_is_needed(load, write) -> None:
    with pytest.raises(DataError, match=r"empty\.jsonl is empty: it has no rows\."):
        load(str(write("empty.jsonl", [])))


def test_a_set_without_usable_rows_names_the_commonest_reason(load) -> None:
    rows = [{"chosen": "same", "rejected": "same"}] * 2 + [{"chosen": "", "rejected": "b"}]
    with pytest.raises(DataError, match="none of its 3 rows is usable; 2 were quarantined as identical_responses"):
        load(rows)


def test_a_sample_is_drawn_by_the_seed_after_reading(load) -> None:
    rows = [{"prompt": f"p {i}", "chosen": f"a {i}", "rejected": f"b {i}"} for i in range(50)]
    rows[7]["chosen"] = ""
    found = load(rows, seed=1, max_pairs=10)
    assert (found.table.num_rows, found.num_rows_read, found.num_rows_available) == (10, 11, 50)
    assert found.table["row"].to_pylist() == sorted(found.table["row"].to_pylist())
    assert found.table.equals(load(rows, seed=1, max_pairs=10).table)
    assert not found.table.equals(load(rows, seed=2, max_pairs=10).table)


def test_a_sample_of_nothing_is_refused(load, good_rows) -> None:
    with pytest.raises(ConfigError, match="`max_pairs` 0"):
        load(good_rows, max_pairs=0)


def test_rows_of_several_files_are_named_after_their_file(load, write, good_rows) -> None:
    first = write("easy.jsonl.gz", good_rows[:2])
    second = write("hard.jsonl", [{**good_rows[2], "category": "own"}, good_rows[3]])
    found = load([str(first), str(second)])
    assert found.table["category"].to_pylist() == ["easy", "easy", "own", "hard"]
    assert found.table["source"].to_pylist() == ["easy", "easy", "hard", "hard"]
    assert found.table["row"].to_pylist() == [0, 1, 2, 3]
    assert list(found.sources) == [str(first), str(second)]
    assert all(value.startswith("sha256:") for value in found.sources.values())


def test_the_fingerprint_of_rows_in_memory_follows_their_content(load, good_rows) -> None:
    one, same, other = (load(rows).sources["<in memory>"] for rows in (good_rows, list(good_rows), good_rows[:3]))
    assert one == same != other


def test_the_columns_of_a_row_are_kept_as_they_were(load, write) -> None:
    line = '{"chosen":"a b", "rejected":"a c","extra": {"deep": [1.50, null]}}'
    assert load(str(write("pairs.jsonl", [line]))).table["original"].to_pylist() == [line]


def test_rows_that_cannot_be_had_back_are_counted_among_those_that_are_used(load) -> None:
    rows = [{**GOOD, "prompt": f"p{i}", **({"when": datetime.date(2026, 1, 1)} if i < 7 else {})} for i in range(10)]
    counts = []
    for found in (load(rows), load(rows, max_pairs=4), load(rows[7:])):
        counts.append(sum(f.count for f in found.findings if f.check == "kept_as_text" and f.action == "kept"))
        assert counts[-1] == sum(row < 7 for row in found.table["row"].to_pylist()) * (len(found.table) != 3)
    assert counts[0] == 7 and counts[1] <= 4


def test_a_value_of_the_wrong_type_is_named_and_one_side_may_be_text(load) -> None:
    rejected = ("b", 5, [{"role": "assistant", "content": "b"}])
    found = load([{"prompt": "p", "chosen": "a", "rejected": value} for value in rejected])
    assert [bad.message for bad in found.quarantine] == ['"rejected" is a number, not text or a list of messages']
    assert [pair["rejected"][0]["content"] for pair in found.table.to_pylist()] == ["b", "b"]
