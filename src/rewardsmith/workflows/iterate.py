"""``rewardsmith iterate``: rounds of RLHF in which the reward model is looked at and adapted before each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.artifacts.flat_config import flatten
from rewardsmith.artifacts.metrics_file import write_metrics
from rewardsmith.artifacts.progress import say, set_quiet
from rewardsmith.artifacts.run_folder import RunFolder
from rewardsmith.contracts.metrics.iterate import IterateMetrics, RoundNumbers
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.policy.options import check_policy_options
from rewardsmith.policy.rounds.options import check_rounds
from rewardsmith.policy.rounds.stop_rules import best_round, should_have_stopped
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.workflows.iterate_options import IterateConfig
from rewardsmith.workflows.loop.evaluation import evaluated, match_of
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.loop.forecast import forecast_of
from rewardsmith.workflows.loop.labels import Waiting, write_label_next
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.one_round import run_round
from rewardsmith.workflows.loop.setting import Setting, gather, open_setting
from rewardsmith.workflows.output_paths import QUARANTINE, default_output
from rewardsmith.workflows.train_model import check_training


@dataclass(frozen=True, repr=False)
class IterateResult(MeasuredResult[IterateMetrics]):
    """The rounds of a loop, and their numbers."""

    def in_short(self) -> str:
        return f"{len(self.metrics['rounds'])} rounds"

    def print(self, console: Any) -> None:
        console.print(f"Written to {self.path}", markup=False, highlight=False)


def run_iterate(config: IterateConfig, dataset: Any = None) -> IterateResult:
    """Runs the rounds that are missing. Where a person has to decide, it ends, and the same command goes on."""
    set_quiet(config.run.quiet)
    _check(config)
    setting = open_setting(config, dataset)
    if setting.config.model.device == "cpu":
        use_all_cores()
    folder = _open_folder(config, setting)
    with folder.abandoned_on_input_error(unless="round-1"):
        loop = Loop(setting, gather(setting, LoopFiles(folder.path)), LoopFiles(folder.path))
    rounds: list[RoundNumbers] = []
    for number in range(1, config.rounds.num_rounds + 1):
        found = run_round(loop, number, forecast_of(loop, number))
        if isinstance(found, Waiting):
            return _shown(loop, rounds, found)
        rounds.append(found)
        write_label_next(loop, number)
        result = _shown(loop, rounds)
        if found["stops"] and config.rounds.stop_early:
            break
    folder.finish(device=loop.device)
    return result


def _check(config: IterateConfig) -> None:
    check_rounds(config.rounds, config.labelling, config.in_world)
    check_policy_options(config.policy)
    check_training(config.training(config.run.seed, "samples" if config.rounds.adapt == "metarm" else None))


def _open_folder(config: IterateConfig, setting: Setting) -> RunFolder:
    folder = RunFolder.open(
        config.run.output_dir or default_output("iterate", setting.name),
        "iterate",
        flatten(config),
        setting.inputs,
        config.run.overwrite,
        config.run.seed,
        may_change=("save_rollouts",),
    )
    given = setting.given
    if given is not None and given.quarantine:
        write_jsonl(folder.path / QUARANTINE, (asdict(row) for row in given.quarantine))
        say(f"{len(given.quarantine):,} of {given.num_rows_read:,} rows cannot be used: see {QUARANTINE}.")
    return folder


def _shown(loop: Loop, rounds: list[RoundNumbers], waiting: Waiting | None = None) -> IterateResult:
    """Numbers and report as of now: a loop can be watched."""
    metrics = _metrics(loop, rounds, waiting)
    write_metrics(loop.files.path, metrics, IterateMetrics)
    return IterateResult(str(loop.files.path), metrics)


def _metrics(loop: Loop, rounds: list[RoundNumbers], waiting: Waiting | None) -> IterateMetrics:
    config, material, start = loop.config, loop.material, evaluated(loop, 0)
    best, last = best_round(start, rounds), rounds[-1] if rounds else None
    stopped = last is not None and bool(last["stops"]) and config.rounds.stop_early
    return {
        "dataset": loop.setting.name,
        "policy": config.policy_model.policy_name_or_path,
        "reward_model": config.model.model_name_or_path,
        "adapt": config.rounds.adapt,
        "labels": config.labelling.labels,
        "preference_data": config.rounds.preference_data,
        "policy_start": config.rounds.policy_start,
        "reference": config.rounds.reference,
        "judged_by": loop.setting.judged_by,
        "num_pairs": len(material.pairs),
        "wrong_share": material.wrong_share,
        "num_policy_prompts": len(material.policy_prompts),
        "num_test_prompts": len(material.test_prompts),
        "samples_per_prompt": config.rounds.shift_samples,
        "start": start,
        "rounds": rounds,
        "best_round": best,
        "best_against_plain": match_of(loop, best, 1) if best is not None and best != 1 and rounds else None,
        "stopped_after": last["round"] if last is not None and stopped else None,
        "should_have_stopped": should_have_stopped(rounds),
        "waiting_for": None if waiting is None else str(waiting.decisions),
        "label_next": loop.files.label_next.name if loop.files.label_next.is_file() else None,
        "seconds": round(sum(stage["seconds"] for one in rounds for stage in one["stages"]), 2),
    }
