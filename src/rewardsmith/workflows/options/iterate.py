"""The configuration of `iterate`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rewardsmith.artifacts.options import RunOptions
from rewardsmith.engine.scoring.options import ScoringOptions
from rewardsmith.engine.training.contrastive.contrastive_options import ContrastiveOptions
from rewardsmith.engine.training.meta.meta_options import MetaOptions
from rewardsmith.engine.training.options import CheckpointOptions, TrainOptions
from rewardsmith.judging.options import ChatJudgeOptions, SpendingOptions
from rewardsmith.models.options import EndpointOptions, LoraOptions, ModelOptions
from rewardsmith.policy.options import PolicyOptions, PolicyTrainerOptions
from rewardsmith.policy.rounds.options import LabellingOptions, RoundOptions
from rewardsmith.policy.worlds.options import WorldOptions
from rewardsmith.preferences.options import DataOptions
from rewardsmith.sampling.options import LocalSamplingOptions
from rewardsmith.workflows.options.train import TrainConfig

WORLD = "embedded/world"
"""The data set that is drawn in a world with a known reward."""


@dataclass(frozen=True)
class LoopDataOptions:
    """Which prompts are answered, and what is held out."""

    prompts: str | None = None
    """Prompts that the policy learns on, in any form that `sample` reads; default: those of the preferences."""
    test_prompts: str | None = None
    """Prompts that policies are judged on; default: some of those, which nothing then learns from."""
    decisions: str | None = None
    """A person's decisions about pairs of earlier loops, learned from like the preferences: files of `keep`, `flip`,
    `tie` or `drop` by `pair_id`, separated by commas, each beside the `label_next.jsonl` that it is about."""
    num_pairs: int = 2000
    """Preferences to draw in a world (--dataset_name embedded/world)."""
    eval_fraction: float = 0.1
    """Share of the split groups of the preferences that no reward model learns from; its accuracy is measured there."""


@dataclass(frozen=True)
class PolicyModelOptions:
    """The policy to begin with."""

    policy_name_or_path: str = ""
    """Hub id, local folder or embedded model; default: a world's own."""
    policy_use_peft: bool = False
    """Train low-rank adapters of the policy only, each round's anew."""
    policy_lora_r: int = 16
    """Rank of the policy's adapters."""
    policy_lora_alpha: int = 32
    """Their updates are multiplied by alpha / r."""
    policy_lora_target_modules: str = "all-linear"
    """`all-linear`, or module names separated by commas."""
    save_rollouts: int = 10
    """Roll-outs between two checkpoints of a policy that is being improved; 0: none."""

    def adapters(self) -> LoraOptions:
        return LoraOptions(
            self.policy_use_peft, self.policy_lora_r, self.policy_lora_alpha, 0.0, self.policy_lora_target_modules
        )


@dataclass(frozen=True)
class RewardModelOptions(ModelOptions):
    """What reward models begin as, and how conversations become tokens for them."""

    model_name_or_path: str = ""
    """Hub id, local folder or embedded model; default: a world's own, else embedded/minilm."""


@dataclass(frozen=True)
class IterateConfig:
    """Improve a policy in rounds, with a reward model that is looked at and may be adapted before each of them.

    A round: the policy answers prompts; some answers get labels, where someone gives them; the reward model is adapted
    and looked at on the answers; the policy is improved, and judged. It says after which round it should have stopped.
    Interrupted, the same command goes on where it was.

    Settings of the policy by name: `--config embedded/ppo-paper` (arXiv 2401.06080), `embedded/ppo-summarize`
    (summarize-from-feedback, arXiv 2403.17031), `embedded/rloo` and `embedded/grpo` (as TRL means them).

    Examples:
      rewardsmith iterate --config embedded/loop
      rewardsmith iterate --dataset_name embedded/world --labels gold --labels_per_round 200
      rewardsmith iterate prefs.jsonl --policy_name_or_path Qwen/Qwen3-0.6B --policy_use_peft --adapt metarm
      rewardsmith iterate prefs.jsonl --config embedded/rloo --policy_name_or_path runs/policy --num_rollouts 50
      rewardsmith iterate prefs.jsonl --policy_name_or_path runs/policy --prompts others.jsonl --labels person
      rewardsmith iterate prefs.jsonl --policy_name_or_path runs/sft --labels demonstrations --preference_data last
    """

    data: DataOptions = field(default_factory=DataOptions)
    loop_data: LoopDataOptions = field(default_factory=LoopDataOptions)
    rounds: RoundOptions = field(default_factory=RoundOptions)
    labelling: LabellingOptions = field(default_factory=LabellingOptions)
    chat: ChatJudgeOptions = field(default_factory=ChatJudgeOptions)
    endpoint: EndpointOptions = field(default_factory=EndpointOptions)
    spending: SpendingOptions = field(default_factory=SpendingOptions)
    world: WorldOptions = field(default_factory=WorldOptions)
    policy_model: PolicyModelOptions = field(default_factory=PolicyModelOptions)
    policy_trainer: PolicyTrainerOptions = field(default_factory=PolicyTrainerOptions)
    policy: PolicyOptions = field(default_factory=PolicyOptions)
    model: RewardModelOptions = field(default_factory=RewardModelOptions)
    train: TrainOptions = field(default_factory=TrainOptions)
    contrastive: ContrastiveOptions = field(default_factory=ContrastiveOptions)
    meta: MetaOptions = field(default_factory=MetaOptions)
    lora: LoraOptions = field(default_factory=LoraOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    run: RunOptions = field(default_factory=RunOptions)

    @property
    def in_world(self) -> bool:
        return self.data.dataset_name == WORLD

    @property
    def labels_by_chat(self) -> bool:
        return self.labelling.labels == "judge" and self.endpoint.base_url is not None

    @property
    def sampling_here(self) -> LocalSamplingOptions:
        """Prompts are cut as those of roll-outs are."""
        rollouts = self.policy.rollouts
        return LocalSamplingOptions(
            rollouts.max_prompt_length, rollouts.rollout_max_tokens, self.model.device, self.train.bf16
        )

    @property
    def scoring(self) -> ScoringOptions:
        """Members become one reward as they do for the policy."""
        rewards = self.policy.rewards
        return ScoringOptions(
            device=self.model.device,
            aggregate=rewards.aggregate,
            aggregate_coefficient=rewards.aggregate_coefficient,
        )

    def training(self, seed: int, meta_dataset: str | None = None) -> TrainConfig:
        """How a reward model is trained, as ``train`` would be asked for it."""
        return TrainConfig(
            data=self.data,
            model=self.model,
            train=self.train,
            contrastive=self.contrastive,
            meta=replace(self.meta, meta_dataset=meta_dataset),
            lora=self.lora,
            checkpoints=self.checkpoints,
            run=replace(self.run, seed=seed),
        )
