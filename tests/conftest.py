"""What every test runs under: no hub, a cache of its own, and no real data where it is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import checked_types  # noqa: F401  before a module is checked
from no_waiting import do_not_wait_for_disks
from rewardsmith.artifacts.terminal import progress
from rewardsmith.artifacts.terminal.progress import set_quiet

# Before anything imports transformers or datasets, which read them once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_DATA = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["REWARDSMITH_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_disks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        do_not_wait_for_disks(patch)
        yield


@pytest.fixture(autouse=True)
def _talkative() -> None:
    """A verb that ran quietly, in a test or for a fixture, leaves the process quiet."""
    set_quiet(False)


@pytest.fixture(autouse=True)
def _never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is only said where the machine is slow is not said here."""
    monkeypatch.setattr(progress, "LATE_S", 3600.0)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real preference sets; tests that use it are marked ``real_data``."""
    return REAL_DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if REAL_DATA.is_dir():
        return
    skip = pytest.mark.skip(reason=f"no real data in {REAL_DATA}")
    for item in items:
        if "real_data" in item.keywords:
            item.add_marker(skip)
