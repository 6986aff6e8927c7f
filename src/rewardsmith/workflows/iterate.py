"""``rewardsmith iterate``: rounds of RLHF in which the reward model is looked at and adapted before each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rewardsmith.artifacts.config.flat_config import changed_options, flatten
from rewardsmith.artifacts.files.atomic import write_jsonl, write_text
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.iterate import IterateMetrics, RoundNumbers
from rewardsmith.engine.hardware.devices import use_all_cores
from rewardsmith.judging.options import MAY_CHANGE
from rewardsmith.report.iterate.next_steps import next_steps
from rewardsmith.report.iterate.report import render_iterate_report
from rewardsmith.report.iterate.terminal import print_iterate
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.workflows.loop.checks import check_iterate
from rewardsmith.workflows.loop.files import LoopFiles
from rewardsmith.workflows.loop.findings import findings_of
from rewardsmith.workflows.loop.forecast import forecast_of
from rewardsmith.workflows.loop.labels import Waiting, write_label_next
from rewardsmith.workflows.loop.loop import Loop
from rewardsmith.workflows.loop.material import gather
from rewardsmith.workflows.loop.one_round import run_round
from rewardsmith.workflows.loop.setting import Setting, open_setting
from rewardsmith.workflows.options.iterate import IterateConfig
from rewardsmith.workflows.outputs.output_paths import QUARANTINE, default_output

REPORT = "report.html"


@dataclass(frozen=True, repr=False)
class IterateResult(ReportedResult[IterateMetrics]):
    """The rounds of a loop, their numbers, and the report of them."""

    @property
    def policy_path(self) -> str | None:
        """Folder of the policy that is judged best; None where that is the first one, or nobody judges."""
        best = self.metrics["best_round"]
        return str(LoopFiles(Path(self.path)).round(best).policy) if best else None

    def in_short(self) -> str:
        best = self.metrics["best_round"]
        return f"{len(self.metrics['rounds'])} rounds" + ("" if best is None else f", the best is {best}")

    def print(self, console: Any) -> None:
        print_iterate(self.metrics, console, self.report_path)


def run_iterate(config: IterateConfig, dataset: Any = None) -> IterateResult:
    """Runs the rounds that are missing. Where a person has to decide, it ends, and the same command goes on."""
    set_quiet(config.run.quiet)
    check_iterate(config)
    setting = open_setting(config, dataset)
    if setting.config.model.device == "cpu":
        use_all_cores()
    folder = _open_folder(config, setting)
    files = LoopFiles(folder.path)
    with folder.abandoned_on_input_error(unless=files.round(1).path.name):
        result, is_over = _rounds(Loop(setting, gather(setting, files), files))
    if is_over:
        folder.finish(device=setting.config.model.device)
    return result


def _rounds(loop: Loop) -> tuple[IterateResult, bool]:
    """What there is to show, and whether that is all: a person may have to decide first."""
    how = loop.config.rounds
    rounds: list[RoundNumbers] = []
    for number in range(1, how.num_rounds + 1):
        found = run_round(loop, number, forecast_of(loop, number))
        if isinstance(found, Waiting):
            return _shown(loop, rounds, found), False
        rounds.append(found)
        is_last = number == how.num_rounds or (how.stop_early and bool(found["stops"]))
        if is_last or not loop.files.round(number + 1).path.exists():  # else it has been shown
            write_label_next(loop, rounds)
            result = _shown(loop, rounds)
        if is_last:
            break
    return result, True


def _open_folder(config: IterateConfig, setting: Setting) -> RunFolder:
    folder = RunFolder.open(
        config.run.output_dir or default_output("iterate", setting.name),
        "iterate",
        flatten(config),
        setting.inputs,
        config.run.overwrite,
        config.run.seed,
        may_change=("save_rollouts", *MAY_CHANGE),
    )
    if folder.resumed:
        say(f"Going on with what {folder.path} holds.")
    given = setting.given
    if given is not None and given.quarantine:
        write_jsonl(folder.path / QUARANTINE, (asdict(row) for row in given.quarantine))
        say(f"{len(given.quarantine):,} of {given.num_rows_read:,} rows cannot be used: see {QUARANTINE}.")
    return folder


def _shown(loop: Loop, rounds: list[RoundNumbers], waiting: Waiting | None = None) -> IterateResult:
    """Numbers and report as of now: a loop can be watched."""
    path = loop.files.path
    findings = findings_of(loop, rounds, waiting)
    options = {**changed_options(loop.setting.asked), "output_dir": str(path)}
    metrics: IterateMetrics = {**findings, "next_steps": next_steps(findings, options)}
    write_metrics(path, metrics, IterateMetrics)
    write_text(path / REPORT, render_iterate_report(metrics, path))
    return IterateResult(str(path), metrics)
