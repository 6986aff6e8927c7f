"""Makes the tiny models importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rewardsmith.artifacts.progress import set_quiet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random two-layer Llama trunk with tokenizer."""
    from tiny_reward_models import save_tiny_llama

    return save_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(autouse=True)
def _talkative_again() -> Iterator[None]:
    """A verb that ran quietly leaves the process quiet, which other tests do not expect."""
    yield
    set_quiet(False)
