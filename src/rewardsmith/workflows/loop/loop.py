"""A loop under way: what it reads, where it writes, and which policy is meant by a number."""

from __future__ import annotations

from dataclasses import dataclass

from rewardsmith.contracts.conversations import Conversation
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.loop.material import Material
from rewardsmith.workflows.loop.setting import Setting
from rewardsmith.workflows.options.iterate import IterateConfig

SEEDS_OF_A_ROUND = 1000


@dataclass(frozen=True)
class Loop:
    """What every stage is told."""

    setting: Setting
    material: Material
    files: LoopFiles

    @property
    def config(self) -> IterateConfig:
        return self.setting.config

    @property
    def shift_prompts(self) -> list[Conversation]:
        """Prompts on which reward models are looked at: the same in every round."""
        return self.material.policy_prompts[: self.config.rounds.num_shift_prompts]

    @property
    def device(self) -> str:
        return self.config.model.device

    def policy(self, number: int) -> str:
        """The policy after so many rounds."""
        return str(self.files.round(number).policy) if number else self.config.policy_model.policy_name_or_path

    def seed(self, number: int) -> int:
        """Of what is drawn and trained in a round; members add their place."""
        return self.config.run.seed + SEEDS_OF_A_ROUND * number
