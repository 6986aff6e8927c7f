"""Rewards as a judge: of a reward model, or of a gold that is a function of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.contracts.conversations import Conversation, key_of
from rewardsmith.contracts.judge import Outcome, ResponsePair, Ruling
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import aggregation_of
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.scoring.taken import score_taken
from rewardsmith.errors import ConfigError
from rewardsmith.judging.orders import EQUAL, are_equal


class ScorerJudge:
    """The response of the higher reward wins; gaps of at most ``tie_band`` are ties. It reads no order."""

    def __init__(self, scorer: Scorer, tie_band: float = 0.0, how: ScoringOptions | None = None) -> None:
        if not 0 <= tie_band < math.inf:
            raise ConfigError(f"`tie_band` {tie_band} must be a number of at least 0.")
        self._scorer, self.tie_band, self._aggregate = scorer, tie_band, aggregation_of(how or ScoringOptions())

    @property
    def fingerprint(self) -> str:
        return fingerprint_json([self._scorer.fingerprint, self.tie_band])

    def judge(self, pairs: Sequence[ResponsePair]) -> list[Ruling]:
        """A ruling for each pair; one with a response that the scorer does not take is ``refused``."""
        talks = [talk for pair in pairs for talk in ([*pair.prompt, pair.first], [*pair.prompt, pair.second])]
        places, different = _different(talks)
        scores = score_taken(self._scorer, different)
        rewards = self._aggregate(scores.members)
        rulings = []
        for number, pair in enumerate(pairs):
            first, second = places[2 * number], places[2 * number + 1]
            refusal = scores.refused.get(first) or scores.refused.get(second)
            if are_equal(pair):
                rulings.append(EQUAL)
            elif refusal:
                rulings.append(Ruling(None, refusal, problem="refused"))
            else:
                rulings.append(self._ruling(float(rewards[first]), float(rewards[second])))
        return rulings

    def close(self) -> None:
        self._scorer.close()

    def _ruling(self, first: float, second: float) -> Ruling:
        gap = first - second
        outcome: Outcome = "tie" if abs(gap) <= self.tie_band else "win" if gap > 0 else "lose"
        return Ruling(outcome, f"rewards {first:+.4g} and {second:+.4g}")


def _different(talks: Sequence[Conversation]) -> tuple[list[int], list[Conversation]]:
    """Each conversation once, and the place of every given one among these."""
    place_of: dict[tuple[tuple[str, ...], ...], int] = {}
    different, places = list[Conversation](), []
    for talk in talks:
        key = tuple(map(key_of, talk))
        if key not in place_of:
            place_of[key] = len(different)
            different.append(talk)
        places.append(place_of[key])
    return places, different
