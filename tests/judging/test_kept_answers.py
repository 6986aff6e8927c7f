"""An answer that has been paid for is on the disk, for other threads and other runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rewardsmith.errors import OutputError
from rewardsmith.judging.kept_answers import FILE, Answer, KeptAnswers

ANSWER: Answer = {"content": "[[A]] é", "finish_reason": "stop", "num_tokens_in": 3, "num_tokens_out": None}


def test_what_is_put_is_had_back_by_another_run(tmp_path: Path) -> None:
    kept, other = KeptAnswers(tmp_path / "new"), KeptAnswers(tmp_path / "new")
    key = KeptAnswers.key("http://a/v1", {"b": 1, "a": [2]})
    assert kept.get(key) is None
    kept.put(key, ANSWER)
    assert other.get(key) == ANSWER
    assert (
        key == KeptAnswers.key("http://a/v1", {"a": [2], "b": 1}) != KeptAnswers.key("http://b/v1", {"a": [2], "b": 1})
    )
    kept.close()
    other.close()


def test_threads_and_runs_write_at_the_same_time(tmp_path: Path) -> None:
    runs = [KeptAnswers(tmp_path), KeptAnswers(tmp_path)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: runs[number % 2].put(str(number), ANSWER), range(200)))
    assert all(runs[0].get(str(number)) == ANSWER for number in range(200))
    for run in runs:
        run.close()


def test_neither_questions_nor_keys_are_on_the_disk(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path)
    kept.put(KeptAnswers.key("http://a", {"messages": "a secret question"}), ANSWER)
    kept.close()
    assert b"secret" not in (tmp_path / FILE).read_bytes()


def test_a_broken_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match="Move it away"):
        KeptAnswers(tmp_path)
