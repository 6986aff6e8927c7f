from __future__ import annotations

from pathlib import Path

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.files.rows import read_rows


def test_separators_within_a_text_end_no_line(tmp_path: Path) -> None:
    rows = [{"response": "one\u2028other\x85third\x1c\r\n"}, {"response": "\u2029"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl") == rows
