"""A tiny reward model, an ensemble of two, and a tiny policy of the same tokenizer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rewardsmith.serving.callables import opened_models

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(scope="session")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an ensemble of two reward models that differ in their heads, and read 96 tokens."""
    from rewardsmith.models.loading.embedded import resolve_model
    from rewardsmith.models.loading.reward_models import load_tokenizer, save_reward_model
    from rewardsmith.models.loading.starting import new_reward_model
    from tiny_architectures import save_tiny_model

    root = tmp_path_factory.mktemp("ensemble")
    source = resolve_model(str(save_tiny_model(root / "trunk", "llama")))
    for name in ("00", "01"):
        tokenizer = load_tokenizer(source)
        model = new_reward_model(source, tokenizer, int(name))
        save_reward_model(model, tokenizer, root / "members" / name, {"max_length": 96})
    (root / "ensemble.json").write_text(json.dumps({"kind": "full", "members": ["members/00", "members/01"]}))
    return root


@pytest.fixture(scope="session")
def reward_model(ensemble: Path) -> Path:
    return ensemble / "members" / "00"


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny decoder."""
    from tiny_writers import save_tiny_writer

    return save_tiny_writer(tmp_path_factory.mktemp("policy"))


@pytest.fixture
def scored(tmp_path: Path) -> Callable[..., list[float]]:
    """What ``rewardsmith score`` says of prompts and responses."""
    import rewardsmith

    def rewards(model: Path, answered: Sequence[tuple[Any, Any]], **options: Any) -> list[float]:
        rows = [{"prompt": prompt, "completion": response} for prompt, response in answered]
        output = tmp_path / "rewards.parquet"
        rewardsmith.score(
            rows, reward_model_path=str(model), output_file=output, overwrite=True, device="cpu", quiet=True, **options
        )
        found: list[float] = pq.read_table(output).column("reward").to_pylist()
        return found

    return rewards


@pytest.fixture(autouse=True)
def _nothing_is_open() -> Iterator[None]:
    opened_models._opened.cache_clear()
    yield
    opened_models._opened.cache_clear()
