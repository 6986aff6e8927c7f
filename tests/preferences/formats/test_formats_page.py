"""The page about formats says what the readers do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from rewardsmith.preferences.formats import FORMATS
from rewardsmith.preferences.pairs.near_duplicates import THRESHOLD
from rewardsmith.preferences.pairs.preference_set import num_rows_of
from rewardsmith.preferences.problems import REASONS


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [form.name for form in FORMATS])
def test_the_example_of_each_form_is_recognised_and_read(load, page: str, name: str) -> None:
    section = page.split(f"### `{name}`\n")[1].split("\n##")[0]
    rows = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", section, re.DOTALL)]
    found = load(rows)
    assert (found.format, num_rows_of(found.table), found.quarantine) == (name, len(rows), [])


def test_every_reason_is_explained(page: str) -> None:
    table = page.split("## Rows that are quarantined")[1].split("## Rows that are kept")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(REASONS)


def test_the_numbers_of_the_page_are_those_of_the_code(page: str) -> None:
    from rewardsmith.preferences.formats.detection import NUM_ROWS_LOOKED_AT
    from rewardsmith.preferences.pairs.grouping import NEAR_DUPLICATE_LIMIT

    for number in (
        f"{NUM_ROWS_LOOKED_AT:,} rows",
        f"{NEAR_DUPLICATE_LIMIT:,} distinct first turns",
        f"{THRESHOLD} over",
    ):
        assert number in page
