"""One reward model or several as one scorer (`MemberScorer`): named one by one, or as the folder of an ensemble."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.fingerprints import fingerprint_json
from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.hardware.devices import free_memory
from rewardsmith.engine.scoring.scorer import FeatureHeadScorer, LocalScorer, load_scorer
from rewardsmith.errors import ConfigError, ModelError
from rewardsmith.metrics.aggregates import Aggregation

ENSEMBLE_FILE = "ensemble.json"
SHARE_OF_MEMORY = 0.5
"""Members stay loaded together while their weights need no more than this share of the free memory."""


class EnsembleScorer:
    """Rewards of several models, or of the members of one, and their aggregate.

    Where the models do not fit into memory together, each is loaded, used and let go in turn, once for each call: give
    it many conversations at a time. Rewards are aggregated as they are: the members should be on one scale.
    """

    def __init__(self, load: Sequence[Callable[[], Loaded]], aggregation: Aggregation | None = None) -> None:
        self.aggregation = aggregation or Aggregation()
        self.num_cut = 0
        """Conversations that were cut so far, by the first model."""
        self._load = list(load)
        self._kept: dict[int, Loaded] = {}
        prints, needed, free = [], 0, 0
        scorer: Loaded | None = None
        for index, load_one in enumerate(self._load):  # all of them now: a broken one should not stop the run later
            scorer = None  # unless it is kept, the last one leaves before the next one comes
            scorer = load_one()
            prints.append(scorer.fingerprint)
            needed += _num_bytes(scorer)
            free = free or free_memory(scorer.device) + needed
            if len(self._load) == 1 or needed <= SHARE_OF_MEMORY * free:
                self._kept[index] = scorer
        assert scorer is not None
        self.device: str = scorer.device
        self.num_members: int = scorer.num_members if len(self._load) == 1 else len(self._load)
        if self.num_members == 1 and self.aggregation.how != "mean":
            raise ConfigError(f"--aggregate {self.aggregation.how} needs several members, and this is one model.")
        if len(self._kept) < len(self._load):
            say(f"{len(self._load)} models do not fit into memory together: they are loaded in turn.")
        self._fingerprints = prints

    @property
    def fingerprint(self) -> str:
        """Of the members, in their order, and of the aggregate."""
        if self.num_members == 1:
            return self._fingerprints[0]
        return fingerprint_json([self._fingerprints, self.aggregation.how, self.aggregation.coefficient])

    def score_members(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """Rewards [M, N]. Several models named: one row each, the mean of its own members if it has some."""
        rows = []
        scorer: Loaded | None = None
        for index, load in enumerate(self._load):
            scorer = None  # as above
            scorer = self._kept.get(index) or load()
            before = getattr(scorer, "num_cut", 0)
            rows.append(scorer.score_members(conversations) if len(self._load) == 1 else scorer.score(conversations))
            self.num_cut += getattr(scorer, "num_cut", 0) - before if index == 0 else 0
        return rows[0] if len(rows) == 1 else np.stack(rows)

    def score(self, conversations: Sequence[Conversation]) -> NDArray[np.float32]:
        """The aggregate [N], in the order given."""
        return self.aggregation(self.score_members(conversations)).astype(np.float32)


Loaded = LocalScorer | FeatureHeadScorer | EnsembleScorer


def load_scorers(
    paths: str,
    max_length: int | None = None,
    max_tokens: int | None = None,
    device: str = "auto",
    quiet: bool = True,
    aggregation: Aggregation | None = None,
) -> EnsembleScorer:
    """The scorer of one model, of several separated by commas, or of an ensemble's folder (with ``ensemble.json``)."""
    names = [paths] if paths and Path(paths).exists() else [name.strip() for name in paths.split(",") if name.strip()]
    if not names:
        raise ConfigError("--reward_model_path is missing: name the folder or Hub id of a reward model.")

    def loader(path: str) -> Callable[[], Loaded]:
        members = ensemble_members(path)
        if members is None:
            return lambda: load_scorer(path, max_length, max_tokens, device, quiet)
        return lambda: EnsembleScorer([loader(member) for member in members])

    only = ensemble_members(names[0]) if len(names) == 1 else None
    return EnsembleScorer([loader(path) for path in only or names], aggregation)


def ensemble_members(path: str | Path) -> list[str] | None:
    """The folders of an ensemble's members; None for any other folder. ``ModelError`` for a broken index."""
    index = Path(path) / ENSEMBLE_FILE
    if not index.is_file():
        return None
    try:
        members = json.loads(index.read_text(encoding="utf-8"))["members"]
        folders = [str(index.parent / member) for member in members]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{index} is no index of an ensemble: {type(error).__name__}: {error}.") from error
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if missing or not folders:
        raise ModelError(f"{index} names {len(folders)} members; {missing[0] if missing else 'one'} is not there.")
    return folders


def _num_bytes(scorer: Loaded) -> int:
    """Memory that a loaded scorer holds; a feature head loads its trunk only while it works."""
    if isinstance(scorer, EnsembleScorer):
        return sum(_num_bytes(kept) for kept in scorer._kept.values())
    model: Any = getattr(scorer, "model", None)
    return 0 if model is None else sum(p.numel() * p.element_size() for p in model.parameters())
