"""RLOO and GRPO by TRL in place of our own PPO: the same prompts, rewards, reference, optimiser and log."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

from accelerate import Accelerator  # type: ignore[import-untyped]
from huggingface_hub import constants
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, TrainerCallback

from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.artifacts.terminal.progress import ProgressHandle, progress
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.contracts.scorer import Scorer
from rewardsmith.engine.training.accelerators import computes_in_bf16
from rewardsmith.engine.training.loop import Log, TrainOutcome
from rewardsmith.engine.training.meter import Line
from rewardsmith.engine.training.optimizers import rate_factor
from rewardsmith.errors import ConfigError, ModelError, RunError
from rewardsmith.models.loading.files import quiet_transformers
from rewardsmith.policy.networks.actor_critic import ActorCritic
from rewardsmith.policy.networks.reference import FrozenCopy, Reference, reference_of
from rewardsmith.policy.options import PolicyOptions, check_policy_options
from rewardsmith.policy.ppo.training import TrainedPolicy, check_length, loop_options, make_policy_optimizer
from rewardsmith.policy.rollouts.maker import RolloutMaker
from rewardsmith.policy.rollouts.prompt_set import PromptSet, prompt_set
from rewardsmith.policy.rollouts.rewards import RewardRule
from rewardsmith.policy.trl.rollouts import TRLRollouts
from rewardsmith.policy.trl.settings import NAMES, TRLTrainer, check_trl_options, trl_arguments

REFERENCE_ADAPTER = "ref"
"""TRL's copy of the adapters as they begin."""
OLD_NAMES = ".*gradient_checkpointing"
"""By which TRL calls parts of transformers that warn of it."""


def train_policy_by_trl(
    trainer: TRLTrainer,
    policy: Any,
    tokenizer: Any,
    prompts: Sequence[Conversation],
    scorer: Scorer,
    options: PolicyOptions,
    accelerator: Accelerator,
    seed: int = 0,
    reference: Any | None = None,
    log: Log | None = None,
    samples: MetricsLog | None = None,
    logging_rollouts: int = 1,
    quiet: bool = False,
    gold: Scorer | None = None,
) -> TrainedPolicy:
    """As ``train_policy`` does, by a trainer of TRL: ``policy`` learns in place.

    It keeps no checkpoints: a run that was killed begins anew, and ends with the same bits on a CPU. ``ConfigError``
    for what TRL cannot mean, ``ModelError`` for a policy that ends its responses otherwise than at EOS.
    """
    check_policy_options(options)
    check_trl_options(trainer, options)
    check_length(policy, options.rollouts.max_prompt_length, options.sampling.max_new_tokens)
    if accelerator.num_processes > 1:
        raise ConfigError(f"`policy_trainer` {trainer} runs in one process, and here are {accelerator.num_processes}.")
    answered = prompt_set(tokenizer, prompts, options.rollouts.max_prompt_length)
    _check_prompts(answered, options.rollouts.prompts_per_rollout)
    staying_near = reference_of(policy) if reference is None else FrozenCopy(reference)
    if not isinstance(staying_near, FrozenCopy) and options.kl.reference_reset_rollouts:
        raise ConfigError("`reference_reset_rollouts`: TRL's reference of adapters is the policy without them, always.")
    policy.to(accelerator.device)
    if isinstance(staying_near, FrozenCopy):
        staying_near.model.to(accelerator.device)
    maker = RolloutMaker(answered, RewardRule(scorer, options.rewards, gold), staying_near, options, accelerator, seed)
    model = ActorCritic(policy)
    rollouts = TRLRollouts(maker, model, options, samples if options.samples_to_read else None)
    on_policy = options.sampling.settings().on_policy
    if log is not None:
        log.cut_back(0)
    with TemporaryDirectory() as folder, quiet_transformers(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", OLD_NAMES, FutureWarning)
        runner = _runner(trainer, model, staying_near, rollouts, options, accelerator, seed, folder)
        with progress(f"Improving the policy by TRL's {NAMES[trainer]}", options.num_steps, quiet) as bar:
            watcher = _Watcher(rollouts, staying_near, options, logging_rollouts, accelerator, log, bar)
            runner.add_callback(watcher)
            runner.train()
    for module in policy.modules():
        vars(module).pop("forward", None)  # TRL's, which writes log-probabilities in place of logits
    policy.eval()
    outcome = TrainOutcome(options.num_steps, rollouts.counts(), watcher.seconds, watcher.line)
    return TrainedPolicy(outcome, model, on_policy)


def _runner(
    trainer: TRLTrainer,
    model: ActorCritic,
    staying_near: Reference,
    rollouts: TRLRollouts,
    options: PolicyOptions,
    accelerator: Accelerator,
    seed: int,
    folder: str,
) -> Any:
    """TRL's trainer, ready to run."""
    from datasets import Dataset
    from trl.trainer.grpo_config import GRPOConfig  # an extra, and slow to import
    from trl.trainer.grpo_trainer import GRPOTrainer
    from trl.trainer.rloo_config import RLOOConfig
    from trl.trainer.rloo_trainer import RLOOTrainer
    from trl.trainer.utils import add_fused_lm_head

    constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL would tell Hugging Face of each run
    configs = {"trl_rloo": (RLOOConfig, RLOOTrainer), "trl_grpo": (GRPOConfig, GRPOTrainer)}
    make_config, make_trainer = configs[trainer]
    device = accelerator.device  # it has none from where TRL's configuration is made until its trainer is there
    on_cpu = device.type == "cpu"
    prompts = rollouts.prompts
    arguments = make_config(
        output_dir=folder,
        use_cpu=on_cpu,
        bf16=computes_in_bf16(accelerator),
        seed=seed,
        gradient_checkpointing=False,
        dataloader_pin_memory=not on_cpu,
        logging_strategy="no",  # the watcher says when
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        **trl_arguments(trainer, options, max(map(len, prompts.tokens))),
    )
    if arguments.n_gpu > 1:
        raise ConfigError(f"`policy_trainer` {trainer} would spread over {arguments.n_gpu} GPUs: show it one of them.")
    optimizer = make_policy_optimizer(model, options.optimizer, device)
    rates = loop_options(options, 1)
    schedule = LambdaLR(optimizer, lambda done: rate_factor(min(done, options.num_steps - 1), options.num_steps, rates))
    runner = make_trainer(
        model=model.policy,
        reward_funcs=rollouts.rewards,
        args=arguments,
        train_dataset=Dataset.from_list(rollouts.rows()),
        processing_class=rollouts.tokenizer(),
        optimizers=(optimizer, schedule),
    )
    runner.remove_callback(PrinterCallback)
    if isinstance(staying_near, FrozenCopy):
        runner.ref_model = staying_near.model
        add_fused_lm_head(runner.ref_model, temperature=runner.temperature)
    elif REFERENCE_ADAPTER in model.policy.peft_config:
        model.policy.delete_adapter(REFERENCE_ADAPTER)  # without it TRL takes the policy without adapters, as we do
    runner.beta = options.kl.kl_coef
    return runner


def _check_prompts(prompts: PromptSet, num: int) -> None:
    """That TRL, which ends responses at EOS alone and fills roll-outs from one pass over the prompts, can use them."""
    tokenizer = prompts.tokenizer
    if prompts.ends != {tokenizer.eos_token_id}:
        names = ", ".join(map(str, tokenizer.convert_ids_to_tokens(sorted(prompts.ends))))
        raise ModelError(f"TRL ends a response at {tokenizer.eos_token} alone; this policy ends it at {names}.")
    if len(prompts.tokens) < num:
        raise ConfigError(f"`prompts_per_rollout` {num}: TRL repeats no prompt, and there are {len(prompts.tokens)}.")


class _Watcher(TrainerCallback):
    """Writes the lines of the log, moves the bar, and makes the policy the reference where that is due."""

    def __init__(
        self,
        rollouts: TRLRollouts,
        reference: Reference,
        options: PolicyOptions,
        logging_rollouts: int,
        accelerator: Accelerator,
        log: Log | None,
        bar: ProgressHandle,
    ) -> None:
        self.line: Line = {}
        """The last one."""
        self._rollouts, self._reference, self._options = rollouts, reference, options
        self._every, self._device = options.steps_per_rollout * logging_rollouts, accelerator.device
        self._log, self._bar = log, bar
        self._rate = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._started

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._rate = kwargs["optimizer"].param_groups[0]["lr"]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        step, options = state.global_step, self._options
        self._bar.advance()
        every = options.kl.reference_reset_rollouts * options.steps_per_rollout
        if every and step % every == 0:
            self._reference.reset(self._rollouts.model.policy)
        control.should_log = step % self._every == 0 or step == options.num_steps
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if logs is None or "loss" not in logs:
            return
        step = state.global_step
        found: Line = {name: logs[name] for name in ("loss", "grad_norm", "entropy") if name in logs}
        if not all(map(math.isfinite, filter(None, found.values()))):
            raise RunError(
                f"step {step}: loss or gradient is not a finite number. TRL keeps no checkpoint. If the weights have "
                "diverged: lower `policy_learning_rate` or `policy_max_grad_norm`."
            )
        position = {"step": step, "epoch": state.epoch, "learning_rate": self._rate}
        self.line = {**position, **found, **self._rollouts.line(self._device)}
        self._bar.note(**{name: self.line[name] for name in ("score", "kl", "response_length")})
        if self._log is not None:
            self._log.log(**self.line)
