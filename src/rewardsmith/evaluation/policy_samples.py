"""A scorer on what a policy answers: which responses it would choose, and what they are worth where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.contracts.conversations import key_of
from rewardsmith.contracts.metrics.evaluate import BestOfN, ComparedSamples, SampleNumbers
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.errors import RunError
from rewardsmith.evaluation.scored_pairs import credit_interval
from rewardsmith.metrics.best_of_n import best_of_n, kl_bound
from rewardsmith.metrics.intervals import group_bootstrap
from rewardsmith.metrics.paired import paired_difference
from rewardsmith.metrics.ranking import rank_correlation
from rewardsmith.metrics.within_prompts import gold_credits, within_prompt_spread

NUM_RESAMPLES = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoredPrompt:
    """A prompt with k responses."""

    rewards: Floats
    """[k]"""
    lengths: Floats
    """[k] Characters."""
    texts: list[tuple[str, ...]]
    """[k] Equal for equal responses."""
    gold: Floats | None
    """[k]; None where one of them has none."""


@dataclass(frozen=True)
class ScoredSamples:
    """What a scorer says of samples, in their order."""

    prompts: list[ScoredPrompt]
    num_truncated: int
    """Responses that lost tokens, or whose prompt did, because they were too long."""

    @property
    def num_best(self) -> int:
        """N: the best of n can be drawn for every prompt up to this n."""
        return min(len(prompt.rewards) for prompt in self.prompts)

    @property
    def of_known_gold(self) -> list[tuple[ScoredPrompt, Floats]]:
        return [(prompt, prompt.gold) for prompt in self.prompts if prompt.gold is not None]


def score_samples(scorer: Scorer, samples: pa.Table) -> ScoredSamples:
    """Scores every response of a table of ``SAMPLES``. ``RunError`` names rows whose rewards are not finite numbers."""
    rows = samples.select(["row", "prompt", "responses", "gold"]).to_pylist()
    scores = scorer.score([[*row["prompt"], *response] for row in rows for response in row["responses"]])
    ends = np.cumsum([len(row["responses"]) for row in rows])[:-1]
    rewards = np.split(scores.rewards.astype(np.float64), ends)
    if bad := [str(row["row"]) for row, own in zip(rows, rewards, strict=True) if not np.isfinite(own).all()]:
        raise RunError(f"rewards of {len(bad)} prompts are not finite numbers: row {', '.join(bad[:5])}.")
    return ScoredSamples([_scored(row, own) for row, own in zip(rows, rewards, strict=True)], scores.num_truncated)


def sample_numbers(scored: ScoredSamples, seed: int = 0) -> SampleNumbers:
    """Within prompts alone, since rewards of two prompts do not compare. Intervals resample prompts."""
    rewards = [prompt.rewards for prompt in scored.prompts]
    overall = float(np.concatenate(rewards).std())
    known = scored.of_known_gold
    credits, owners = _credits(scored)
    ends = credit_interval(credits, owners, seed, NUM_RESAMPLES)
    found = [rank_correlation(prompt.rewards, gold) for prompt, gold in known]
    rhos = [rho for rho in found if rho is not None]
    best = _best_golds(scored)
    return {
        "num_prompts": len(rewards),
        "num_responses": sum(map(len, rewards)),
        "num_conversations_cut": scored.num_truncated,
        "spread": group_bootstrap([own.std() for own in rewards], np.arange(len(rewards)), seed=seed).as_dict(),
        "spread_share": within_prompt_spread(rewards) / overall if overall else None,
        "num_gold_prompts": len(known),
        "num_gold_pairs": len(credits),
        "gold_accuracy": {"value": float(credits.mean()) if len(credits) else None, "low": ends[0], "high": ends[1]},
        "gold_rank_correlation": group_bootstrap(rhos, np.arange(len(rhos)), seed=seed).as_dict(),
        "gold_gain": group_bootstrap(best[:, -1] - best[:, 0], np.arange(len(best)), seed=seed).as_dict(),
        "best_of_n": _best(scored, best, seed),
    }


def compare_samples(first: ScoredSamples, second: ScoredSamples, seed: int = 0) -> ComparedSamples:
    """The numbers of a second scorer on the same samples, and by how much the first is above it."""
    (one, owners), (other, _) = _credits(first), _credits(second)
    mine, its = (_best_golds(scored)[:, -1] for scored in (first, second))
    return {
        **sample_numbers(second, seed),
        "differences": {
            "gold_accuracy": paired_difference(one, other, owners, NUM_RESAMPLES, seed, widest=1.0).as_dict(),
            "best_gold": paired_difference(mine, its, np.arange(len(mine)), NUM_RESAMPLES, seed).as_dict(),
        },
    }


def _scored(row: dict[str, Any], rewards: Floats) -> ScoredPrompt:
    responses = [turns[-1] for turns in row["responses"]]
    gold = row["gold"] if row["gold"] and None not in row["gold"] else None
    return ScoredPrompt(
        rewards,
        np.array([float(len(response["content"])) for response in responses]),
        [key_of(response) for response in responses],
        None if gold is None else np.array(gold, dtype=np.float64),
    )


def _credits(scored: ScoredSamples) -> tuple[Floats, NDArray[np.int64]]:
    known = scored.of_known_gold
    return gold_credits(
        [prompt.rewards for prompt, _ in known], [gold for _, gold in known], [prompt.texts for prompt, _ in known]
    )


def _best(scored: ScoredSamples, golds: Floats, seed: int) -> list[BestOfN]:
    top = scored.num_best
    lengths = np.array([best_of_n(prompt.lengths, prompt.rewards)[:top] for prompt in scored.prompts]).mean(axis=0)
    possible = np.array([best_of_n(gold, gold)[:top] for _, gold in scored.of_known_gold]).reshape(-1, top)
    return [
        {
            "n": n,
            "kl_bound": kl_bound(n),
            "length": float(lengths[n - 1]),
            "gold": group_bootstrap(golds[:, n - 1], np.arange(len(golds)), seed=seed).as_dict(),
            "gold_possible": float(possible[:, n - 1].mean()) if len(possible) else None,
        }
        for n in range(1, top + 1)
    ]


def _best_golds(scored: ScoredSamples) -> Floats:
    """[P, N] of the prompts whose gold is known."""
    top = scored.num_best
    return np.array([best_of_n(gold, p.rewards)[:top] for p, gold in scored.of_known_gold]).reshape(-1, top)
