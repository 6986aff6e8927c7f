"""Makes the tiny models importable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from no_waiting import leave_figures_empty

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="module", autouse=True)
def _empty_figures() -> Iterator[None]:
    """``tests/report`` has them drawn."""
    with pytest.MonkeyPatch.context() as patch:
        leave_figures_empty(patch)
        yield


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random two-layer Llama trunk with tokenizer."""
    from tiny_reward_models import save_tiny_llama

    return save_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture(scope="session")
def learnable_rows() -> Callable[[int, float], list[dict[str, Any]]]:
    """Makes so many pairs, a share of them wrongly labelled; the better response ends in "good", the other in "bad"."""
    from tiny_reward_models import some_rows

    def made(num: int, wrong: float) -> list[dict[str, Any]]:
        rng = np.random.default_rng(1)
        rows = some_rows(num)
        for row in rows:
            row["chosen"] += " good good"
            row["rejected"] += " bad bad"
            if rng.random() < wrong:
                row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
        return rows

    return made
