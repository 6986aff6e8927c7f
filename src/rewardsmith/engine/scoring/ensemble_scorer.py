"""Several reward models as one scorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext

import numpy as np

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer, Scores
from rewardsmith.engine.hardware.devices import free_memory
from rewardsmith.metrics.aggregates import Aggregation

SHARE_OF_MEMORY = 0.5
"""Models stay loaded together while they need no more than this share of the free memory."""


class EnsembleScorer:
    """Rewards of several models, each a member by its own aggregate, and the aggregate of all.

    Where the models do not fit into memory together, each is loaded, used and closed in turn, once for each call: give
    it many conversations at a time.

    ``scales``: mean and standard deviation of each member's rewards on some responses; rewards are taken less the one
    and over the other. Preferences leave the constant of a reward model open, so without them a member that is lower
    throughout is the minimum of all, and the members' variance is mostly that of their constants.
    """

    def __init__(
        self,
        loaders: Sequence[Callable[[], Scorer]],
        aggregation: Aggregation | None = None,
        scales: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        self.aggregation = aggregation or Aggregation()
        self._scales = None if scales is None else np.array(scales, dtype=np.float64)[:, :, None]
        self.num_members = len(loaders)
        self.num_bytes = 0
        self._loaders = loaders
        self._kept: dict[int, Scorer] = {}
        self._fingerprints = []
        needed = free = 0
        for index, load in enumerate(loaders):  # all of them now: a broken one should not stop the run later
            scorer = load()
            self.device = scorer.device
            self._fingerprints.append(scorer.fingerprint)
            needed += scorer.num_bytes
            free = free or free_memory(scorer.device) + needed
            if needed <= SHARE_OF_MEMORY * free:
                self._kept[index] = scorer
                self.num_bytes = needed
            else:
                scorer.close()
        if scales is None and self.aggregation.how != "mean":
            say(f"`aggregate` {self.aggregation.how}: no scales are known, so members count by their constants too.")
        if len(self._kept) < self.num_members:
            say(f"{self.num_members} models do not fit into memory together: they are loaded in turn.")

    @property
    def fingerprint(self) -> str:
        """Of the members, in their order, of the aggregate and of scales."""
        scales = [] if self._scales is None else [self._scales.tolist()]
        return fingerprint_json([self._fingerprints, self.aggregation.how, self.aggregation.coefficient, *scales])

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        """One row of rewards a model, and their aggregate."""
        scores = [self._score_by(index, conversations) for index in range(self.num_members)]
        members = np.stack([one.rewards for one in scores])
        if self._scales is not None:
            members = ((members - self._scales[:, 0]) / self._scales[:, 1]).astype(np.float32)
        return Scores(self.aggregation(members).astype(np.float32), members, scores[0].num_truncated)

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        """Those of any member, with its reason."""
        found: dict[int, str] = {}
        for index in range(self.num_members):
            with self._opened(index) as scorer:
                found = scorer.refusals(conversations) | found
        return found

    def close(self) -> None:
        for scorer in self._kept.values():
            scorer.close()

    def _score_by(self, index: int, conversations: Sequence[Conversation]) -> Scores:
        with self._opened(index) as scorer:
            return scorer.score(conversations)

    def _opened(self, index: int) -> AbstractContextManager[Scorer]:
        """A member: one that is kept as it is, another loaded and closed again."""
        return nullcontext(self._kept[index]) if index in self._kept else closing(self._loaders[index]())
