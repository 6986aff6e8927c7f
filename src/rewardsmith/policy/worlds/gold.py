"""The gold reward of a world: bounded quality times guards, a function of the text alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scores
from rewardsmith.engine.scoring.local_scorer import state_fingerprint
from rewardsmith.policy.networks.likelihood import token_logprobs_of
from rewardsmith.policy.worlds.guards import Floats, length_guard, likelihood_guard, repetition_guard
from rewardsmith.policy.worlds.options import WorldName
from rewardsmith.policy.worlds.qualities import QUALITIES
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded


@dataclass(frozen=True)
class GoldParts:
    """The factors of gold, each [N] and within 0 to 1."""

    quality: Floats
    length: Floats
    repetition: Floats
    likelihood: Floats

    @property
    def gold(self) -> Floats:
        return self.quality * self.length * self.repetition * self.likelihood


class GoldReward:
    """gold = sigmoid((q - mean q) / std q) * g_length * g_repetition * g_likelihood.

    q is the quality of ``world``. Tokens and likelihood are those of ``reference``, a causal model that never learns,
    whatever policy wrote the text; the likelihood is of the response with its end of turn. Means and deviations are
    those of the ``usual`` responses. It is a ``Scorer``.
    """

    num_members = 1

    def __init__(
        self, world: WorldName, reference: Any, encoder: ConversationEncoder, usual: Sequence[Conversation], seed: int
    ) -> None:
        self.reference = reference.requires_grad_(False).eval()
        self.encoder = encoder
        encoded = encoder.encode_many(usual)
        responses = list(map(_response, encoded))
        self._quality = QUALITIES[world](responses, seed)
        qualities = np.array(list(map(self._quality, responses)))
        logprobs = self._logprobs(encoded)
        self._of_quality = float(qualities.mean()), float(qualities.std())
        self._of_logprob = float(logprobs.mean()), float(logprobs.std())
        self._identity = [world, seed, responses]

    def parts(self, conversations: Sequence[Conversation]) -> GoldParts:
        """What the gold of each is made of."""
        encoded = self.encoder.encode_many(conversations)
        responses = list(map(_response, encoded))
        num = np.array(list(map(len, responses)), dtype=np.int64)
        num_distinct = np.array([len(set(response)) for response in responses], dtype=np.int64)
        quality = standardised(np.array(list(map(self._quality, responses)), dtype=np.float64), self._of_quality)
        return GoldParts(
            quality=expit(quality),
            length=length_guard(num),
            repetition=repetition_guard(num, num_distinct),
            likelihood=likelihood_guard(standardised(self._logprobs(encoded), self._of_logprob)),
        )

    def score(self, conversations: Sequence[Conversation]) -> Scores:
        """Gold [N]; responses are never too long for it."""
        return Scores.of_one(self.parts(conversations).gold.astype(np.float32), 0)

    def refusals(self, conversations: Sequence[Conversation]) -> dict[int, str]:
        return self.encoder.refusals(conversations)

    @property
    def fingerprint(self) -> str:
        """Of the world and of the model that judges likelihood."""
        return fingerprint_json([self._identity, state_fingerprint(self.reference), self.encoder.fingerprint])

    @property
    def device(self) -> str:
        return str(self.reference.device)

    @property
    def num_bytes(self) -> int:
        return sum(p.numel() * p.element_size() for p in self.reference.parameters())

    def close(self) -> None:
        """Lets the reference go; it scores no more."""
        self.reference = None

    def _logprobs(self, encoded: Sequence[Encoded]) -> Floats:
        """Mean over the tokens of each response and its end of turn, in nats."""
        found = token_logprobs_of(self.reference, encoded, [True] * len(encoded))
        return np.array([own.mean() for own in found], dtype=np.float64)


def standardised(values: Floats, usual: tuple[float, float]) -> Floats:
    """In deviations from the usual mean."""
    mean, std = usual
    return (values - mean) / std


def _response(encoded: Encoded) -> list[int]:
    return encoded.input_ids[encoded.response_start : encoded.response_end]
