"""Several scorers as one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rewardsmith.engine.scoring import ensemble_scorer
from rewardsmith.engine.scoring.ensemble_scorer import EnsembleScorer
from rewardsmith.metrics.aggregates import Aggregation
from stub_scorer import StubScorer
from tiny_architectures import conversation

TALKS = [conversation("q", "one"), conversation("q", "one two three")]


class Loads:
    """Loaders of two stubs of 10 bytes, which keep what they loaded."""

    def __init__(self) -> None:
        self.loaded: list[StubScorer] = []
        self.most_open = 0

    def loader(self, sign: int, max_words: int) -> Callable[[], StubScorer]:
        def load() -> StubScorer:
            scorer = StubScorer(lambda response: sign * len(response), max_words, f"stub {sign}")
            scorer.num_bytes = 10
            self.loaded.append(scorer)
            self.most_open = max(self.most_open, sum(not scorer.closed for scorer in self.loaded))
            return scorer

        return load

    def all(self) -> list[Callable[[], StubScorer]]:
        return [self.loader(1, max_words=3), self.loader(-1, max_words=1)]


def test_models_stay_loaded_where_they_fit_together() -> None:
    loads = Loads()
    scorer = EnsembleScorer(loads.all())
    scores = [scorer.score(TALKS), scorer.score(TALKS)][1]
    np.testing.assert_array_equal(scores.members, [[3, 13], [-3, -13]])
    np.testing.assert_array_equal(scores.rewards, [0, 0])
    assert scores.num_truncated == 1  # for the first model
    assert len(loads.loaded) == 2 and scorer.num_bytes == 20
    scorer.close()
    assert all(each.closed for each in loads.loaded)


def test_models_that_do_not_fit_are_loaded_and_closed_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    together = EnsembleScorer(Loads().all())
    monkeypatch.setattr(ensemble_scorer, "free_memory", lambda device: 1)
    loads = Loads()
    in_turn = EnsembleScorer(loads.all())
    np.testing.assert_array_equal(in_turn.score(TALKS).members, together.score(TALKS).members)
    assert (len(loads.loaded), loads.most_open, in_turn.num_bytes) == (4, 1, 0)
    assert in_turn.fingerprint == together.fingerprint


def test_the_fingerprint_knows_order_and_aggregate() -> None:
    loads = Loads()
    prints = [
        EnsembleScorer(loaders, aggregation).fingerprint
        for loaders in (loads.all(), loads.all()[::-1])
        for aggregation in (None, Aggregation("min"), Aggregation("quantile", 0.1))
    ]
    assert len(set(prints)) == 6
