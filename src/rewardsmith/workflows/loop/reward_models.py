"""The reward model of a round: what it learns from, and its training."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import torch

from rewardsmith.artifacts.files.atomic import write_json
from rewardsmith.artifacts.files.rows import read_rows
from rewardsmith.engine.scoring.open_scorer import ENSEMBLE_FILE, open_scorer
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import work_before
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.policies import load_policy
from rewardsmith.models.loading.reward_models import save_reward_model
from rewardsmith.objectives.ocrm import off_policy_weights
from rewardsmith.policy.networks.likelihood import likelihoods
from rewardsmith.policy.rounds.round_samples import RoundSamples, score_samples, usual_scale
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import DataOptions
from rewardsmith.preferences.pairs.conversations import pair_conversations
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.workflows.inputs.meta_samples import meta_samples
from rewardsmith.workflows.inputs.refused_rows import refusals_of
from rewardsmith.workflows.loop.costs import Spent
from rewardsmith.workflows.loop.files import checkpoints_of, finished, is_there, workshop
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.steps.train_model import train_model


def round_of_model(loop: Loop, number: int) -> int:
    """Whose reward model a round goes by."""
    return 1 if loop.config.rounds.adapt == "none" else number


def reward_model(loop: Loop, number: int) -> Path:
    return loop.files.round(round_of_model(loop, number)).reward_model


def pairs_of(loop: Loop, number: int) -> pa.Table:
    """What the reward model of a round learns from (``PAIRS``)."""
    match loop.config.rounds.preference_data:
        case "first":
            return loop.material.pairs
        case "last":
            return pa.concat_tables(_fresh(loop, [number]))
        case "all":
            return all_pairs(loop, number)


def all_pairs(loop: Loop, number: int) -> pa.Table:
    """Whatever has a label after the labels of a round: the pairs given first, then the fresh ones."""
    return pa.concat_tables([loop.material.pairs, *_fresh(loop, range(1, number + 1))])


def adapt(loop: Loop, number: int) -> Spent:
    """Trains the reward model of a round, all its members."""
    folder = loop.files.round(number)
    samples = folder.samples if loop.config.rounds.adapt == "metarm" else None
    pairs = pairs_of(loop, number)
    if loop.config.rounds.adapt == "ocrm" and number > 1:
        pairs = _weighted(loop, number, pairs)
    return train_members(loop, folder.reward_model, pairs, loop.seed(number), samples)


def is_trained(loop: Loop, folder: Path) -> bool:
    """Whether the model in a folder is finished, with all its members."""
    return (folder / ENSEMBLE_FILE).is_file() if loop.config.rounds.num_members > 1 else is_there(folder)


def train_members(loop: Loop, folder: Path, pairs: pa.Table, seed: int, samples: Path | None = None) -> Spent:
    """One model, or so many in a folder that is read as an ensemble, on the scale of what the first policy writes."""
    num = loop.config.rounds.num_members
    if num == 1:
        return _train(loop, folder, pairs, seed, samples)
    names = [f"member-{place + 1}" for place in range(num)]
    spent = [_train(loop, folder / name, pairs, seed + place, samples) for place, name in enumerate(names)]
    first = RoundSamples.of_rows(read_rows(loop.files.round(1).samples))
    scales = [_scale(loop, folder / name, first) for name in names]
    write_json(folder / ENSEMBLE_FILE, {"kind": "rounds", "members": names, "scales": scales})
    return Spent(sum(one.tokens for one in spent), sum(one.seconds_before for one in spent))


def _train(loop: Loop, made: Path, pairs: pa.Table, seed: int, samples: Path | None) -> Spent:
    if is_there(made):
        return Spent()
    config = loop.config.training(seed, None if samples is None else str(samples))
    accelerator = make_accelerator(loop.device, config.train.bf16, work_before(checkpoints_of(made)))
    found = meta_samples(config, refusals_of(config.model))
    began = time.perf_counter()
    trained = train_model(config, workshop(made), pairs, accelerator, samples=found)
    spent = Spent.of(trained.run.outcome, time.perf_counter() - began)
    with finished(made) as saving:
        extra = {**trained.start.extra, "dataset": loop.setting.name}
        save_reward_model(trained.model, trained.start.tokenizer, saving, extra)
    return spent


def _scale(loop: Loop, member: Path, first: RoundSamples) -> tuple[float, float]:
    """Mean and standard deviation of its rewards on the samples of round 1."""
    with closing(open_scorer(str(member), ScoringOptions(device=loop.setting.config.model.device))) as scorer:
        return usual_scale(score_samples(scorer, first).rewards)


def _fresh(loop: Loop, rounds: Iterable[int]) -> list[pa.Table]:
    """The labels of rounds that have any."""
    files = [str(file) for one in rounds if (file := loop.files.round(one).labels).is_file() and file.stat().st_size]
    return [load_preferences(file, DataOptions(dataset_name=file)).table for file in files]


def _weighted(loop: Loop, number: int, pairs: pa.Table) -> pa.Table:
    """The pairs, the weights of those given, which are the first, times OCRM's; fresh labels, on what this loop wrote,
    keep theirs."""
    given = loop.material.pairs
    talks = [talk for both in pair_conversations(given) for talk in both]
    ratios = []
    for name in (loop.policy(number - 1), loop.policy(0)):
        policy, tokenizer = load_policy(resolve_model(name))
        policy.to(loop.device)
        encoder = ConversationEncoder(tokenizer, loop.config.model.max_length)
        ratios.append(torch.from_numpy(likelihoods(policy, encoder, talks).logprobs))
    weights = off_policy_weights((ratios[0] - ratios[1]).view(2, -1), loop.config.rounds.ocrm_coefficient)
    factors = torch.cat([weights, weights.new_ones(len(pairs) - len(given))])
    column = pa.array((torch.tensor(pairs["weight"].to_pylist()) * factors).tolist(), pa.float32())
    return pairs.set_column(pairs.schema.get_field_index("weight"), pairs.schema.field("weight"), column)
