"""Whatever a file holds: no traceback, and every row ends in the table or in the quarantine."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewardsmith.errors import InputError
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions, RowOptions
from rewardsmith.preferences.unlabelled.streaming import stream_rows

Rows = list[Any]

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["yes", "a better answer", "a", "b", "tie"]
)
TEXTS |= st.sampled_from(["\n\nHuman: hi\n\nAssistant: ho", '[{"role": "user", "content": "x"}]', "[", "{'a': 1}"])
NUMBERS = st.integers(-5, 5) | st.floats() | st.sampled_from([10**30, 10**400, -1e38, 2**63])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
ROLES = st.sampled_from(["user", "assistant", "system", "human", "gpt", "tool", "", None, 3])
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": ROLES, "content": TEXTS | st.none()}, optional={"tool_calls": SCALARS})
    | st.fixed_dictionaries({"from": ROLES, "value": TEXTS}),
    max_size=4,
)
VALUES = st.recursive(
    SCALARS | MESSAGES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FORMS = (
    ("prompt", "chosen", "rejected"),
    ("chosen", "rejected"),
    ("instruction", "input", "chosen", "rejected"),
    ("prompt", "response_a", "response_b", "winner"),
    ("prompt", "responses", "ratings"),
    ("prompt", "response_a", "response_b", "votes"),
    ("messages", "rejected_response"),
    ("context", "completions"),
    ("prompt", "response"),
    ("conversations", "chosen", "rejected"),
)
MORE = ("system", "margin", "weight", "target", "category", "source", "meta", "id", "history", "\x1b[31mcolumn")


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """Rows of one form, most of them with values of its kinds, some with anything in any column."""
    form = draw(st.sampled_from(FORMS))
    usual = st.fixed_dictionaries(dict.fromkeys(form, TEXTS | MESSAGES), optional=dict.fromkeys(MORE, SCALARS))
    odd = st.fixed_dictionaries({}, optional=dict.fromkeys((*form, *MORE), VALUES))
    good = st.builds(lambda n: {"prompt": f"q{n}", "chosen": f"{n} is good", "rejected": "no"}, st.integers(0, 99))
    return draw(st.lists(good | usual | odd | VALUES, min_size=1, max_size=6))


def as_jsonl(given: Rows) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in given)


def as_json(given: Rows) -> bytes:
    return json.dumps(given, indent=1).encode()


def as_csv(given: Rows) -> bytes:
    file = io.StringIO()
    objects = [row for row in given if isinstance(row, dict)]
    names = list(dict.fromkeys(name for row in objects for name in row)) or ["prompt"]
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows([_cell(row.get(name)) for name in names] for row in objects)
    return file.getvalue().encode()


def as_parquet(given: Rows) -> bytes:
    file = io.BytesIO()
    objects = [row for row in given if isinstance(row, dict)]
    try:
        pq.write_table(pa.Table.from_pylist(objects), file)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):  # values of several types in a column
        texts = [{name: _cell(value) for name, value in row.items()} for row in objects]
        pq.write_table(pa.Table.from_pylist(texts), file)
    return file.getvalue()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


FILES = {"a.jsonl": as_jsonl, "a.json": as_json, "a.csv": as_csv, "a.parquet": as_parquet, "a.txt": as_jsonl}


@st.composite
def harm(draw: st.DrawFn) -> Any:
    """What becomes of a file's bytes: mostly nothing."""
    place, byte = draw(st.floats(0, 0.999)), draw(st.binary(min_size=1, max_size=3))
    encoding = draw(st.sampled_from(["utf-16", "utf-8-sig", "latin-1"]))
    changes = {
        "cut": lambda content: content[: int(place * len(content))],
        "hit": lambda content: content[: int(place * len(content))] + byte + content[int(place * len(content)) + 1 :],
        "written otherwise": lambda content: content.decode("utf-8", "replace").encode(encoding, "replace"),
        "with Windows' line ends": lambda content: content.replace(b"\n", b"\r\n"),
    }
    return changes[draw(st.sampled_from(sorted(changes)))]


def check_any_file(
    folder: Path, given: Rows, name: str, packed: bool, harms: tuple[Any, Any], options: DataOptions
) -> None:
    before, after = harms
    content = FILES[name](given)
    content = content if before is None else before(content)
    content = gzip.compress(content, 1) if packed else content
    path = folder / name
    path.write_bytes(content if after is None else after(content))
    num_rows = None  # of a file that is read
    try:
        found = load_preferences(path, options)
    except InputError:
        pass  # the file as a whole is refused
    else:
        num_rows = found.num_rows_read
        positions = sorted([*found.table["row"].to_pylist(), *(bad.row for bad in found.quarantine)])
        assert positions == list(range(num_rows))
        if harms == (None, None):
            objects = [row for row in given if isinstance(row, dict)]
            assert num_rows == len(given if name in ("a.jsonl", "a.json", "a.txt") else objects)
    try:
        streamed = list(stream_rows(path, RowOptions()).rows)
    except InputError:
        pass
    else:
        assert [row.row for row in streamed] == list(range(len(streamed)))
        assert all(bool(row.conversations) != (row.problem is not None) for row in streamed)
        assert num_rows in (None, len(streamed))


ANY_FILE = {
    "given": rows(),
    "name": st.sampled_from(sorted(FILES)),
    "packed": st.booleans(),
    "harms": st.tuples(st.none() | harm(), st.none() | harm()),
    "options": st.builds(DataOptions, near_duplicates=st.sampled_from(["on", "off"])),
}
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
@given(**ANY_FILE)
def test_every_row_of_any_file_is_kept_or_quarantined(tmp_path: Path, **drawn: Any) -> None:
    check_any_file(tmp_path, **drawn)


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "2000")), deadline=None, suppress_health_check=QUIET)
@given(**ANY_FILE)
def test_every_row_of_thousands_of_files_is_kept_or_quarantined(tmp_path: Path, **drawn: Any) -> None:
    check_any_file(tmp_path, **drawn)
