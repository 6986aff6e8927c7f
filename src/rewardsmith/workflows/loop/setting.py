"""What a loop begins with: preferences, prompts, the first policy, and who judges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.artifacts.fingerprints import fingerprint_json
from rewardsmith.artifacts.progress import say
from rewardsmith.contracts.conversations import Conversation, Refusals
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.hardware.devices import choose_device
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.policy.worlds.preferences import draw_preferences
from rewardsmith.policy.worlds.world import World, open_world
from rewardsmith.preferences.grouping import hold_out_groups
from rewardsmith.preferences.identity import prompt_id
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import PromptOptions
from rewardsmith.preferences.preference_set import PreferenceSet
from rewardsmith.preferences.prompt_rows import stream_prompts
from rewardsmith.sampling.local_sampler import load_local_sampler
from rewardsmith.tokens.turns import ANSWER
from rewardsmith.workflows.iterate_options import IterateConfig
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.refused_rows import refusals_of, set_aside_refused

DEFAULT_REWARD_MODEL = "embedded/minilm"


@dataclass(frozen=True)
class Setting:
    """Everything that a loop reads, and nothing that it makes."""

    asked: IterateConfig
    """As it was given."""
    config: IterateConfig
    """With what a world or a default decides filled in."""
    name: str
    given: PreferenceSet | None
    """None: they are drawn in the world."""
    world: World | None
    judge: Scorer | None
    """A reward model that labels and, where there is no gold, judges policies."""
    policy_prompts: list[Conversation]
    test_prompts: list[Conversation]
    """Of both, empty: some of the preferences' own."""

    @property
    def gold(self) -> Scorer | None:
        return None if self.world is None else self.world.gold

    @property
    def judged_by(self) -> Literal["gold", "judge"] | None:
        """Who says which policy is better."""
        return "gold" if self.world is not None else "judge" if self.judge is not None else None

    @property
    def inputs(self) -> dict[str, str]:
        """Name -> fingerprint of everything that is read from outside."""
        prompts = {"prompts": self.policy_prompts, "test prompts": self.test_prompts}
        return {
            **({} if self.given is None else self.given.sources),
            **{name: fingerprint_json(list(map(list, found))) for name, found in prompts.items() if found},
            **({} if self.judge is None else {"judge": self.judge.fingerprint}),
        }


@dataclass(frozen=True)
class Material:
    """What is learned from, and what is not."""

    pairs: pa.Table
    """Preferences that reward models learn from (``PAIRS``)."""
    held_out: pa.Table | None
    policy_prompts: list[Conversation]
    test_prompts: list[Conversation]
    wrong_share: float | None
    """Of all preferences, that gold contradicts."""


def open_setting(config: IterateConfig, dataset: Any = None) -> Setting:
    """Reads what the options name. ``ConfigError`` for what is missing."""
    data = config.loop_data
    world = open_world(config.world) if config.in_world else None
    asked, config = config, _filled_in(config, world)
    judge = open_scorer(path, config.scoring) if (path := config.labelling.judge_model_path) else None
    prompts = _prompts(data.prompts, config.data.on_bad_row) if data.prompts else []
    tests = _prompts(data.test_prompts, config.data.on_bad_row) if data.test_prompts else []
    if world is not None:
        name = f"world-{config.world.world}"
        prompts, tests = prompts or world.policy_prompts, tests or world.test_prompts
        return Setting(asked, config, name, None, world, judge, prompts, tests)
    given = load_preferences(dataset if dataset is not None else config.data.dataset_name, config.data, config.run.seed)
    given = set_aside_refused(given, refusals_of(config.model), config.data)
    return Setting(asked, config, given.name, given, None, judge, prompts, tests)


def gather(setting: Setting, files: LoopFiles) -> Material:
    """Draws preferences where they are to be drawn, and shares out pairs and prompts."""
    config = setting.config
    given, wrong_share = setting.given, None
    if given is None:
        given, wrong_share = _drawn(setting, files)
    learned, held_out = given.table, None
    if config.loop_data.eval_fraction:
        learned, held_out = hold_out_groups(given.table, config.loop_data.eval_fraction, config.run.seed)
    policy_prompts = setting.policy_prompts or distinct_prompts(learned)
    test_prompts = setting.test_prompts
    rng = np.random.default_rng([config.run.seed, 11])
    policy_prompts = [policy_prompts[i] for i in rng.permutation(len(policy_prompts))]
    num = config.rounds.num_test_prompts
    if not test_prompts and setting.policy_prompts:
        test_prompts, policy_prompts = policy_prompts[:num], policy_prompts[num:]
    elif not test_prompts:
        test_prompts = distinct_prompts(held_out) if held_out is not None else []
    refusals = _of_both(config)
    test_prompts, policy_prompts = (_taken(found, refusals) for found in (test_prompts, policy_prompts))
    test_prompts = test_prompts[:num]
    names = {prompt_id(prompt) for prompt in test_prompts}
    policy_prompts = [prompt for prompt in policy_prompts if prompt_id(prompt) not in names]
    learned = learned.filter(pc.invert(pc.is_in(learned["prompt_id"], pa.array(sorted(names), pa.string()))))
    if not (test_prompts and policy_prompts and len(learned)):
        raise DataError(
            f"{setting.name}: {len(learned)} pairs, {len(policy_prompts)} prompts for the policy and "
            f"{len(test_prompts)} to test on are left, and each has to be there. Name prompts with `prompts` and "
            "`test_prompts`, or change `eval_fraction`."
        )
    if len(test_prompts) < num:
        say(f"There are {len(test_prompts)} prompts to test on (`num_test_prompts` {num}).")
    return Material(learned, held_out, policy_prompts, test_prompts, wrong_share)


def distinct_prompts(pairs: pa.Table) -> list[Conversation]:
    """In the order of the rows."""
    found = dict(zip(pairs["prompt_id"].to_pylist(), pairs["prompt"].to_pylist(), strict=True))
    return [prompt for prompt in found.values() if prompt]


def _filled_in(config: IterateConfig, world: World | None) -> IterateConfig:
    model, policy = config.model, config.policy_model
    sampling = config.policy.sampling
    if world is not None:
        model = replace(model, model_name_or_path=model.model_name_or_path or world.reward_model)
        policy = replace(policy, policy_name_or_path=policy.policy_name_or_path or world.policy)
        if sampling.max_new_tokens > world.max_new_tokens:
            say(f"`max_new_tokens` is {world.max_new_tokens}: what is longer has no gold in this world.")
            sampling = replace(sampling, max_new_tokens=world.max_new_tokens)
    name = model.model_name_or_path or DEFAULT_REWARD_MODEL
    model = replace(model, model_name_or_path=name, device=choose_device(model.device))  # type: ignore[arg-type] # one of these
    if not policy.policy_name_or_path:
        raise ConfigError("`policy_name_or_path` is missing: name the policy to begin with.")
    return replace(config, model=model, policy_model=policy, policy=replace(config.policy, sampling=sampling))


def _prompts(name: str, on_bad_row: Any) -> list[Conversation]:
    stream = stream_prompts(name, PromptOptions(dataset_name=name, on_bad_row=on_bad_row))
    rows = list(stream.rows)
    found = {prompt_id(row.prompt): row.prompt for row in rows if row.problem is None}
    if bad := [row for row in rows if row.problem is not None]:
        say(f"{len(bad):,} of {len(rows):,} rows of {stream.name} have no prompt; {bad[0].place}: {bad[0].problem}.")
    if not found:
        raise DataError(f"{stream.name} has no prompt to answer.")
    return list(found.values())


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
