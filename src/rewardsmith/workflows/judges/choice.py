"""The judge that options name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardsmith.contracts.judge import Judge
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.scoring.open_scorer import open_scorer
from rewardsmith.errors import ConfigError
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.scorer_judge import ScorerJudge
from rewardsmith.workflows.options.judge import JudgeConfig


@dataclass(frozen=True)
class OpenedJudge:
    """A judge, and what a record says of it."""

    judge: Judge
    kind: Literal["endpoint", "reward_model", "gold", "given"]
    name: str
    device: str = "cpu"


def check_choice(config: JudgeConfig) -> None:
    """``ConfigError`` unless exactly one judge is named."""
    named: dict[str, object] = {
        "`base_url` with `judge_model`": config.endpoint.base_url,
        "`reward_model_path`": config.reward_model_path,
        "`gold_world`": config.gold_world != "none",
    }
    chosen = [option for option, value in named.items() if value]
    if len(chosen) != 1:
        found = " and ".join(chosen) or "none"
        raise ConfigError(f"one judge is needed: {', '.join(named)}; there is {found}.")


def open_judge(config: JudgeConfig) -> OpenedJudge:
    """The one that is named."""
    quiet = config.run.quiet
    if config.endpoint.base_url is not None:
        judge = EndpointJudge(config.chat, config.spending, config.endpoint, config.run.seed, quiet)
        return OpenedJudge(judge, "endpoint", str(config.chat.judge_model), config.endpoint.base_url)
    if config.reward_model_path:
        return _by_scorer(config, open_scorer(config.reward_model_path, config.scoring, quiet), "reward_model")
    return _by_scorer(config, _gold(config), "gold")


def _by_scorer(config: JudgeConfig, scorer: Scorer, kind: Literal["reward_model", "gold"]) -> OpenedJudge:
    name = config.reward_model_path if kind == "reward_model" else config.gold_world
    return OpenedJudge(ScorerJudge(scorer, config.scorer.tie_band, config.scoring), kind, str(name), scorer.device)


def _gold(config: JudgeConfig) -> Scorer:
    from rewardsmith.policy.worlds.options import WorldOptions
    from rewardsmith.policy.worlds.world import open_world

    assert config.gold_world != "none"
    return open_world(WorldOptions(world=config.gold_world, world_seed=config.gold_world_seed)).gold
