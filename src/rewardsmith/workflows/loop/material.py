"""What a loop learns from and is judged on: pairs and prompts, shared out."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation, Refusals
from rewardsmith.errors import DataError
from rewardsmith.policy.worlds.preferences import draw_preferences
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.pairs.grouping import hold_out_groups
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.tokens.turns import ANSWER
from rewardsmith.workflows.inputs.refused_rows import refusals_of
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.loop.setting import Setting
from rewardsmith.workflows.options.iterate import IterateConfig


@dataclass(frozen=True)
class Material:
    """What is learned from, and what is not."""

    pairs: pa.Table
    """Preferences that reward models learn from (``PAIRS``); last, those of earlier loops that a person decided."""
    num_decided: int
    held_out: pa.Table | None
    policy_prompts: list[Conversation]
    test_prompts: list[Conversation]
    wrong_share: float | None
    """Of all preferences, that gold contradicts."""


def gather(setting: Setting, files: LoopFiles) -> Material:
    """Draws preferences where they are to be drawn, and shares out pairs and prompts. ``DataError`` for too few."""
    config = setting.config
    given, wrong_share = (setting.given, None) if setting.given is not None else _drawn(setting, files)
    pairs, held_out = given.table, None
    if config.loop_data.eval_fraction:
        pairs, held_out = hold_out_groups(given.table, config.loop_data.eval_fraction, config.run.seed)
    learned_on, tested_on = _shared_out(setting, pairs, held_out)
    names = {prompt_id(prompt) for prompt in tested_on}
    learned_on = [prompt for prompt in learned_on if prompt_id(prompt) not in names]
    pairs = _without(pairs, names)
    decided = pairs.slice(0, 0)
    if setting.decided is not None:
        kept_apart = names if held_out is None else names | set(held_out["prompt_id"].to_pylist())
        decided = _without(setting.decided.pairs, kept_apart)
        pairs = pa.concat_tables([pairs, decided])
        if num := len(setting.decided.pairs) - len(decided):
            say(f"{num} pairs that a person decided are left out: their prompts are tested on here.")
    if not (tested_on and learned_on and len(pairs)):
        raise DataError(
            f"{setting.name}: {len(pairs)} pairs, {len(learned_on)} prompts for the policy and {len(tested_on)} to "
            "test on are left, and each has to be there. Name prompts with `prompts` and `test_prompts`, or change "
            "`eval_fraction`."
        )
    if len(tested_on) < config.rounds.num_test_prompts:
        say(f"There are {len(tested_on)} prompts to test on (`num_test_prompts` {config.rounds.num_test_prompts}).")
    return Material(pairs, len(decided), held_out, learned_on, tested_on, wrong_share)


def distinct_prompts(pairs: pa.Table) -> list[Conversation]:
    """In the order of the rows."""
    found = dict(zip(pairs["prompt_id"].to_pylist(), pairs["prompt"].to_pylist(), strict=True))
    return [prompt for prompt in found.values() if prompt]


def _shared_out(
    setting: Setting, pairs: pa.Table, held_out: pa.Table | None
) -> tuple[list[Conversation], list[Conversation]]:
    """Prompts to learn on, in an order by the seed, and to test on: those named, else some of the preferences' own."""
    config, num = setting.config, setting.config.rounds.num_test_prompts
    prompts = setting.policy_prompts or distinct_prompts(pairs)
    order = np.random.default_rng([config.run.seed, 11]).permutation(len(prompts))
    prompts = [prompts[i] for i in order]
    tests = setting.test_prompts
    if not tests and setting.policy_prompts:
        tests, prompts = prompts[:num], prompts[num:]
    elif not tests and held_out is not None:
        tests = distinct_prompts(held_out)
    refusals = _of_both(config)
    return _taken(prompts, refusals), _taken(tests, refusals)[:num]


def _drawn(setting: Setting, files: LoopFiles) -> tuple[PreferenceSet, float]:
    """The preferences of the world; they are drawn once."""
    config, world = setting.config, setting.world
    assert world is not None
    path = files.preferences
    if not path.is_file():
        name = config.policy_model.policy_name_or_path
        with closing(load_local_sampler(name, None, config.policy.sampling, config.sampling_here, False)) as sampler:
            prompts, how = world.preference_prompts, config.world
            made = draw_preferences(
                sampler, world.gold, prompts, config.loop_data.num_pairs, how, config.run.seed + how.world_seed
            )
        write_jsonl(path, made.rows)
    data = replace(config.data, dataset_name=str(path))
    given = load_preferences(str(path), data, config.run.seed)
    wrong = [json.loads(original)["meta"]["truth"]["wrong"] for original in given.table["original"].to_pylist()]
    return given, float(np.mean(wrong))


def _without(pairs: pa.Table, prompts: Collection[str]) -> pa.Table:
    return pairs.filter(pc.invert(pc.is_in(pairs["prompt_id"], pa.array(sorted(prompts), pa.string()))))


def _of_both(config: IterateConfig) -> Sequence[Refusals]:
    """What finds prompts that the template of policy or reward model does not take."""
    policy = replace(config.model, model_name_or_path=config.policy_model.policy_name_or_path, model_revision=None)
    return refusals_of(policy), refusals_of(config.model)


def _taken(prompts: list[Conversation], refusals: Sequence[Refusals]) -> list[Conversation]:
    talks = [[*prompt, ANSWER] for prompt in prompts]
    refused = {place: reason for found in refusals for place, reason in found(talks).items()}
    if refused:
        say(f"{len(refused):,} of {len(prompts):,} prompts are left out: {next(iter(refused.values()))}.")
    return [prompt for place, prompt in enumerate(prompts) if place not in refused]
