"""``rewardsmith imitate``: a policy and demonstrations in, a policy that answers like them out."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.metrics_log import MetricsLog
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.imitate import ImitateMetrics
from rewardsmith.engine.hardware.devices import choose_device
from rewardsmith.engine.training.accelerators import make_accelerator
from rewardsmith.engine.training.checkpoints import work_before
from rewardsmith.engine.training.options import check_saving
from rewardsmith.errors import ConfigError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.policies import add_policy_lora, load_policy, save_policy
from rewardsmith.policy.imitation.imitation_training import Imitated, imitate
from rewardsmith.policy.imitation.options import check_imitation
from rewardsmith.preferences.unlabelled.demonstrations import DemonstrationSet, load_demonstrations
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.workflows.options.imitate import ImitateConfig
from rewardsmith.workflows.outputs.output_paths import QUARANTINE, default_output
from rewardsmith.workflows.outputs.saved_model import forget_unsaved, saved_into
from rewardsmith.workflows.steps.train_model import CHECKPOINTS, LOG


@dataclass(frozen=True, repr=False)
class ImitateResult(MeasuredResult[ImitateMetrics]):
    """A trained policy: ``path`` is a folder for ``AutoModelForCausalLM.from_pretrained`` (or peft) and other verbs."""

    def in_short(self) -> str:
        return f"{self.metrics['num_demonstrations']:,} demonstrations, {self.metrics['num_steps']:,} steps"

    def print(self, console: Any) -> None:
        m = self.metrics
        rounds = "" if m["num_rounds"] is None else f", in {m['num_rounds']} rounds of own responses"
        own = "" if m["train_own_logprob"] is None else f", an own response {m['train_own_logprob']:.1f}"
        console.print(
            f"Learned from {m['num_demonstrations']:,} demonstrations in {m['num_steps']:,} steps{rounds} "
            f"({m['train_runtime_s']:.0f} s). Last steps: a demonstration has a log-probability of "
            f"{m['train_demonstration_logprob']:.1f}{own} nats.",
            highlight=False,
        )
        console.print(f"Saved to {self.path}", markup=False, highlight=False)


def run_imitate(config: ImitateConfig, dataset: Any = None) -> ImitateResult:
    """Trains and saves. ``dataset``: rows in memory, if not named. An interrupted run goes on from its newest state."""
    set_quiet(config.run.quiet)
    _check(config)
    seed, device = config.run.seed, choose_device(config.device)
    asked = Path(config.run.output_dir) if config.run.output_dir else None
    before = work_before(asked / CHECKPOINTS) if asked and not config.run.overwrite else {}
    accelerator = make_accelerator(device, config.training.bf16, before)
    main = accelerator.is_main_process
    set_quiet(config.run.quiet or not main)
    source = resolve_model(config.model_name_or_path, config.model_revision)
    policy, tokenizer = load_policy(source)
    refusals = ConversationEncoder(tokenizer, config.training.max_length).refusals
    given = load_demonstrations(config.data.dataset_name if dataset is None else dataset, config.data, refusals)
    path = asked or default_output("imitate", given.name)
    folder = _open_folder(config, path, given, weights_fingerprint(source)) if main else None
    accelerator.wait_for_everyone()
    with folder.abandoned_on_input_error(unless=CHECKPOINTS) if folder else nullcontext():
        if config.lora.use_peft:
            policy = add_policy_lora(policy, config.lora, seed)
        trained = imitate(
            policy,
            tokenizer,
            given.conversations,
            config.imitation,
            accelerator,
            config.training,
            config.sampling,
            seed,
            log=MetricsLog(path / LOG) if main else None,
            save_to=path / CHECKPOINTS,
            saving=config.checkpoints,
            quiet=config.run.quiet,
        )
    metrics = _metrics(config, given, trained)
    if folder is not None:
        with saved_into(path) as saving:
            save_policy(policy, tokenizer, saving)
        write_metrics(path, metrics, ImitateMetrics)
        folder.finish(device=str(accelerator.device), scratch=[CHECKPOINTS])
    accelerator.wait_for_everyone()
    return ImitateResult(str(path), metrics)


def _check(config: ImitateConfig) -> None:
    check_imitation(config.imitation, config.training)
    check_saving(config.checkpoints)
    config.sampling.settings()
    if not config.model_name_or_path:
        raise ConfigError("--model_name_or_path is missing: name the policy that is to imitate.")
    if config.checkpoints.average_checkpoints > 1:
        raise ConfigError("--average_checkpoints is for reward models: a policy is saved as it is at the end.")


def _open_folder(config: ImitateConfig, path: Path, given: DemonstrationSet, weights: str) -> RunFolder:
    inputs = {**given.sources, "policy": weights}
    folder = RunFolder.open(path, "imitate", flatten(config), inputs, config.run.overwrite, config.run.seed)
    if folder.resumed:
        say(f"The run in {folder.path} was interrupted.")
    forget_unsaved(folder.path)
    if given.quarantine:
        write_jsonl(folder.path / QUARANTINE, map(asdict, given.quarantine))
        say(f"{len(given.quarantine):,} of {given.num_rows:,} rows cannot be used: see {QUARANTINE}.")
    return folder


def _metrics(config: ImitateConfig, given: DemonstrationSet, trained: Imitated) -> ImitateMetrics:
    outcome, last = trained.outcome, cast(dict[str, float], trained.outcome.last)
    answers = config.imitation.imitation != "sft"
    return {
        "policy": config.model_name_or_path,
        "dataset": given.name,
        "imitation": config.imitation.imitation,
        "num_rows": given.num_rows,
        "num_bad_rows": len(given.quarantine),
        "bad_rows_by_reason": given.quarantine_by_reason,
        "columns_not_read": given.columns_not_read,
        "num_demonstrations": trained.num_demonstrations,
        "num_too_long": len(given.conversations) - trained.num_demonstrations,
        "num_rounds": config.imitation.num_rounds if answers else None,
        "num_steps": outcome.num_steps,
        "num_epochs": last["epoch"],
        "train_runtime_s": outcome.seconds,
        "train_loss": last["loss"],
        "train_demonstration_logprob": last["demonstration_logprob"],
        "train_own_logprob": outcome.last["own_logprob"],
        "train_accuracy": outcome.last["accuracy"],
        "train_gap_mean": outcome.last["gap_mean"],
    }
