"""What a loop begins with: preferences, prompts, the first policy, and who judges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from rewardsmith.artifacts.files.fingerprints import fingerprint_json
from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.hardware.devices import choose_device
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.policy.worlds.world import World, open_world
from rewardsmith.preferences.load import load_preferences
from rewardsmith.preferences.options import PromptOptions
from rewardsmith.preferences.pairs.identity import prompt_id
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.preferences.unlabelled.prompt_rows import stream_prompts
from rewardsmith.workflows.inputs.refused_rows import refusals_of, set_aside_refused
from rewardsmith.workflows.loop.chat_judge import open_chat_judge
from rewardsmith.workflows.loop.critics import check_critic
from rewardsmith.workflows.loop.decided import Decided, read_decided
from rewardsmith.workflows.options.iterate import IterateConfig

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
    decided: Decided | None
    world: World | None
    judge: Scorer | None
    """A reward model that labels and, where there is no gold, judges policies."""
    chat_judge: str | None
    """Fingerprint of a chat model that labels in its place."""
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
        start = self.config.model
        models = {
            "policy": resolve_model(self.config.policy_model.policy_name_or_path),
            "reward model": resolve_model(start.model_name_or_path, start.model_revision),
        }
        return {
            **{name: weights_fingerprint(model) for name, model in models.items()},
            **({} if self.given is None else self.given.sources),
            **{name: fingerprint_json(list(map(list, found))) for name, found in prompts.items() if found},
            **({} if self.decided is None else {"decisions": self.decided.fingerprint}),
            **({} if self.judge is None else {"judge": self.judge.fingerprint}),
            **({} if self.chat_judge is None else {"chat judge": self.chat_judge}),
        }


def open_setting(config: IterateConfig, dataset: Any = None) -> Setting:
    """Reads what the options name. ``ConfigError`` for what is missing."""
    data = config.loop_data
    world = open_world(config.world) if config.in_world else None
    asked, config = config, _filled_in(config, world)
    check_critic(config)
    decided = read_decided(data.decisions) if data.decisions else None
    judge = open_scorer(path, config.scoring) if (path := config.labelling.judge_model_path) else None
    chat_judge = None
    if config.labels_by_chat:
        with open_chat_judge(config) as asked_model:
            chat_judge = asked_model.fingerprint
    prompts = _prompts(data.prompts, config.data.on_bad_row) if data.prompts else []
    tests = _prompts(data.test_prompts, config.data.on_bad_row) if data.test_prompts else []
    if world is not None:
        name = f"world-{config.world.world}"
        prompts, tests = prompts or world.policy_prompts, tests or world.test_prompts
        return Setting(asked, config, name, None, decided, world, judge, chat_judge, prompts, tests)
    given = load_preferences(dataset if dataset is not None else config.data.dataset_name, config.data, config.run.seed)
    given = set_aside_refused(given, refusals_of(config.model), config.data)
    return Setting(asked, config, given.name, given, decided, None, judge, chat_judge, prompts, tests)


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
    return replace(
        config,
        rounds=replace(config.rounds, adapt=config.rounds.adapt_with(config.labelling)),
        model=model,
        policy_model=policy,
        policy=replace(config.policy, sampling=sampling),
    )


def _prompts(name: str, on_bad_row: Any) -> list[Conversation]:
    stream = stream_prompts(name, PromptOptions(dataset_name=name, on_bad_row=on_bad_row))
    rows = list(stream.rows)
    found = {prompt_id(row.prompt): row.prompt for row in rows if row.problem is None}
    if bad := [row for row in rows if row.problem is not None]:
        say(f"{len(bad):,} of {len(rows):,} rows of {stream.name} have no prompt; {bad[0].place}: {bad[0].problem}.")
    if not found:
        raise DataError(f"{stream.name} has no prompt to answer.")
    return list(found.values())
