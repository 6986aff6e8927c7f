"""Answers that have been paid for, kept in one sqlite file so that nobody pays for them again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypedDict

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.errors import OutputError

FILE = "answers.sqlite"
OPENING = (
    "PRAGMA journal_mode = WAL",  # a commit then need not wait for the disk
    "PRAGMA synchronous = NORMAL",
    "CREATE TABLE IF NOT EXISTS answers (asked TEXT PRIMARY KEY, answer TEXT NOT NULL)",
)
WAIT_S = 60.0
"""For another process that writes."""


class Answer(TypedDict):
    """What is kept of an answer."""

    content: str | None
    finish_reason: str | None
    num_tokens_in: int | None
    """As the server counts them; None where it does not say."""
    num_tokens_out: int | None


class KeptAnswers:
    """Answers by what was asked of whom. Threads and processes may share the file.

    Neither questions nor keys are kept: only a fingerprint of what was asked, and the answer.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._lock = folder / FILE, Lock()
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=WAIT_S, check_same_thread=False)
            for statement in OPENING:
                self._connection.execute(statement)
            self._connection.commit()

    @staticmethod
    def key(base_url: str, body: Mapping[str, Any]) -> str:
        return fingerprint_json([base_url, body])

    def get(self, key: str) -> Answer | None:
        with self._told():
            row = self._connection.execute("SELECT answer FROM answers WHERE asked = ?", [key]).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, answer: Answer) -> None:
        """Keeps an answer: a process that is killed from now on does not lose it, nor break the file."""
        with self._told():
            self._connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", [key, json.dumps(answer)])
            self._connection.commit()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """One thread at a time; trouble with the file says what to do."""
        try:
            with self._lock:
                yield
        except (sqlite3.Error, OSError) as error:
            raise OutputError(
                f"{self.path}, which keeps the answers of judges, cannot be used ({error}). Move it away, or set "
                "REWARDSMITH_CACHE to a folder of yours."
            ) from error
