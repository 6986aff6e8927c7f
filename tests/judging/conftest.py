"""Answers of judges are kept for each test apart, and nobody waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewardsmith.models import chat_endpoint


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(chat_endpoint.time, "sleep", lambda _: None)
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))
