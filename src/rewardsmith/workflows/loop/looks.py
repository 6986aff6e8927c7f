"""A look at the reward model of a round, before the policy learns from it."""

from __future__ import annotations

import json
from contextlib import closing
from typing import cast

import numpy as np
import pyarrow as pa

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.contracts.metrics.evaluate import SampleNumbers
from rewardsmith.contracts.metrics.iterate import RewardModelNumbers
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.evaluation.policy_samples import sample_numbers
from rewardsmith.metrics.accuracy import pair_credit
from rewardsmith.policy.rounds.chosen import as_evaluated
from rewardsmith.policy.rounds.looks import reward_model_numbers
from rewardsmith.policy.rounds.round_samples import RoundSamples, score_samples, usual_scale
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.workflows.loop.answers import column_of
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.reward_models import pairs_of, reward_model, round_of_model


def look(loop: Loop, number: int) -> Spent:
    """Writes what is seen, and the scale of the rewards."""
    rows, first_rows = (read_rows(loop.files.round(one).samples) for one in (number, 1))
    samples, first = RoundSamples.of_rows(rows), RoundSamples.of_rows(first_rows)
    with closing(open_scorer(str(reward_model(loop, number)), loop.config.scoring)) as scorer:
        here, there = score_samples(scorer, samples), score_samples(scorer, first)
        accuracy = held_out_accuracy(scorer, loop.material.held_out)
    judge = loop.setting.judge
    judged = None if judge is None else score_samples(judge, samples).rewards
    num_pairs = len(pairs_of(loop, round_of_model(loop, number)))
    gold = column_of(rows, "gold")
    numbers = reward_model_numbers(samples, here, there, gold, judged, num_pairs, accuracy)
    chosen = sample_numbers(as_evaluated(samples, here, gold), loop.config.run.seed)
    mean, std = usual_scale(there.rewards)
    found = {"reward_model": numbers, "samples": chosen, "reward_mean": mean, "reward_std": std}
    write_json(loop.files.round(number).look, found)
    return Spent()


def seen(loop: Loop, number: int) -> RewardModelNumbers:
    return cast(RewardModelNumbers, _read(loop, number)["reward_model"])


def chosen_samples(loop: Loop, number: int) -> SampleNumbers:
    """What the reward model would choose of the round's samples."""
    return cast(SampleNumbers, _read(loop, number)["samples"])


def scale_of(loop: Loop, number: int) -> tuple[float, float]:
    """Mean and standard deviation of the rewards of the first policy's samples."""
    found = _read(loop, number)
    return found["reward_mean"], found["reward_std"]


def held_out_accuracy(scorer: Scorer, pairs: pa.Table | None) -> float | None:
    """On pairs that are no ties; equal rewards are half right. None without such pairs."""
    if pairs is None:
        return None
    chosen, rejected = pair_conversations(pairs)
    gaps = scorer.score(chosen).rewards - scorer.score(rejected).rewards
    credit = pair_credit(gaps, pairs["target"].to_numpy())
    return None if np.isnan(credit).all() else float(np.nanmean(credit))


def _read(loop: Loop, number: int) -> dict[str, float]:
    found: dict[str, float] = json.loads(loop.files.round(number).look.read_text(encoding="utf-8"))
    return found
