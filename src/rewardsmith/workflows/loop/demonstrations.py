"""Demonstrations as labels of a round: the better responses given, each above what the policy writes by now."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pyarrow.compute as pc

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.errors import DataError
from rewardsmith.policy.rounds.choosing import choose_pairs
from rewardsmith.policy.rounds.labelling import labelled, rows_to_decide
from rewardsmith.policy.rounds.round_samples import RoundSamples, SampleScores
from rewardsmith.preferences.exports.outgoing import oriented
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.loop import Loop


def demonstrate(loop: Loop, number: int) -> Spent:
    """Writes the labels of a round. ``DataError`` where there are none, and nothing else to learn from."""
    config, shown = loop.config, demonstrations(loop, number)
    policy, sampling = loop.policy(number - 1), config.policy.sampling
    with closing(load_local_sampler(policy, None, sampling, config.sampling_here, False)) as sampler:
        answers = sampler.sample([talk[:-1] for talk in shown], 1, loop.seed(number))
    answered = [(talk, own.samples[0]) for talk, own in zip(shown, answers, strict=True) if own.samples]
    both = [[talk[-1], own.response] for talk, own in answered]
    samples = RoundSamples([talk[:-1] for talk, _ in answered], both, [[True, True]] * len(both))
    above = np.tile([1.0, 0.0], (len(both), 1))
    pairs = choose_pairs(samples, SampleScores(above, above[None]), "random", len(both), loop.seed(number))
    asked = rows_to_decide(samples, pairs, number)
    fresh = labelled(asked, ["keep"] * len(asked), number, "demonstrations", loop.setting.gold)
    if not fresh.rows and config.rounds.preference_data == "last":
        raise DataError(
            f"`preference_data` last: in round {number} the policy wrote nothing, or the demonstrations word for word."
        )
    write_jsonl(loop.files.round(number).labels, fresh.rows)
    return Spent(sum(own.num_tokens or 0 for _, own in answered))


def demonstrations(loop: Loop, number: int) -> list[Conversation]:
    """Those of a round, the responses that labels call better: all in a random order before any comes again.

    Ties and pairs of weight 0 show nothing; in the first round their number is said. ``DataError`` where no pair does.
    """
    pairs = loop.material.pairs
    deciding = pairs.filter(pc.and_(pc.not_equal(pairs["target"], 0.5), pc.greater(pairs["weight"], 0)))
    if not len(deciding):
        raise DataError(f"`labels` demonstrations: all {len(pairs)} pairs given are ties or weigh 0, and show nothing.")
    if number == 1 and (num_silent := len(pairs) - len(deciding)):
        say(f"{num_silent:,} of {len(pairs):,} pairs given are ties or weigh 0: they demonstrate nothing.")
    chosen, _ = pair_conversations(oriented(deciding))
    num = min(loop.config.labelling.labels_per_round, len(chosen))
    order = np.random.default_rng([loop.config.run.seed, 13]).permutation(len(chosen))
    return [chosen[order[place % len(chosen)]] for place in range((number - 1) * num, number * num)]
