"""Modules beside the tests, and tiny policies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(params=["llama", "gpt2"])
def policy(request: pytest.FixtureRequest) -> object:
    """Two kinds of decoders, by turns."""
    from tiny_policies import tiny_policy

    return tiny_policy(request.param)
