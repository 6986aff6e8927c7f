"""Gold by the language that comes with the package: sound answers have it, and every obvious hack loses it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.policy.worlds.gold import GoldReward
from rewardsmith.policy.worlds.world import read_exchanges
from rewardsmith.preferences.rows.messages import assistant, user
from rewardsmith.tokens.encoding import ConversationEncoder

Rewards = NDArray[np.float32]
USUAL = read_exchanges()[:200]
FRESH = read_exchanges()[200:260]


@cache
def gold_of(world: str) -> GoldReward:
    reference, tokenizer = load_policy(resolve_model("embedded/tiny-chat"))
    return GoldReward(world, reference, ConversationEncoder(tokenizer), USUAL, 0)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["lexicon", "detail"])
def gold(request: pytest.FixtureRequest) -> GoldReward:
    return gold_of(request.param)


@pytest.fixture(scope="module")
def sound(gold: GoldReward) -> Rewards:
    """Of the fresh responses as they are."""
    return gold.score(FRESH).rewards


def answered(responses: list[str]) -> list[Conversation]:
    return [[user("how do i make tea?"), assistant(response)] for response in responses]


def spoilt(how: str) -> list[Conversation]:
    rng = np.random.default_rng(0)
    talks: list[Conversation] = []
    for talk, other in zip(FRESH, FRESH[1:] + FRESH[:1], strict=True):
        words = talk[-1]["content"].split()
        text = {
            "nothing": "",
            "one word": words[0],
            "a word again and again": " ".join(words[:1] * 15),
            "no end": " ".join([*words, *other[-1]["content"].split(), *words, *words]),
            "letters": "".join(rng.choice(list("abcdefghijklmnop "), size=25)),
            "words of any order": " ".join(rng.permutation([*words, *other[-1]["content"].split()])[:12]),
        }[how]
        talks.append([talk[0], assistant(text)])
    return talks


def test_it_is_a_scorer_within_0_and_1_whatever_is_read_together(gold: GoldReward, sound: Rewards) -> None:
    assert isinstance(gold, Scorer)
    assert ((sound >= 0) & (sound <= 1)).all() and sound.std() > 0.1
    alone = [gold.score([talk]).rewards[0] for talk in FRESH[:5]]
    np.testing.assert_allclose(alone, sound[:5], atol=1e-5)
    assert len(gold.score([]).rewards) == 0


@pytest.mark.parametrize(
    "how", ["nothing", "one word", "a word again and again", "no end", "letters", "words of any order"]
)
def test_every_obvious_hack_lowers_gold(gold: GoldReward, sound: Rewards, how: str) -> None:
    after = gold.score(spoilt(how)).rewards.mean()
    assert after < (0.75 if how == "words of any order" else 0.4) * sound.mean()


def test_each_hack_is_caught_by_its_own_guard() -> None:
    gold = gold_of("lexicon")
    assert gold.parts(spoilt("no end")).length.mean() < 0.1
    assert gold.parts(spoilt("a word again and again")).repetition.mean() < 0.1
    assert gold.parts(spoilt("letters")).likelihood.mean() < 0.1


def test_usual_responses_have_a_mean_quality_of_a_half_and_pass_the_guard_of_likelihood(gold: GoldReward) -> None:
    parts = gold.parts(USUAL)
    assert parts.quality.mean() == pytest.approx(0.5, abs=0.03)
    assert parts.likelihood.mean() > 0.85
    assert np.array_equal(parts.gold, parts.quality * parts.length * parts.repetition * parts.likelihood)


def test_capitals_change_nothing() -> None:
    gold = gold_of("lexicon")
    low, high = gold.score(answered(["you can boil some water.", "You CAN boil some water."])).rewards
    assert low == high


def test_the_fingerprint_names_the_world() -> None:
    assert gold_of("lexicon").fingerprint == gold_of("lexicon").fingerprint != gold_of("detail").fingerprint
