"""Makes the tiny models importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random two-layer Llama trunk with tokenizer."""
    from tiny_reward_models import save_tiny_llama

    return save_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="module", params=["llama", "bert"])
def trunk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder and an encoder, by turns."""
    from tiny_architectures import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("trunk"), request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny decoder."""
    from tiny_architectures import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("llama"), "llama")
