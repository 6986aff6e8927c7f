"""``rewardsmith study arms``: which settings of training are best on this set?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.atomic import write_text
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.metrics.study_arms import ArmsAbout, StudyArmsMetrics
from rewardsmith.engine.hardware.devices import choose_device, free_memory
from rewardsmith.engine.hardware.memory import GIB
from rewardsmith.preferences.pairs.preference_set import PreferenceSet
from rewardsmith.report.notebook import ReportedResult
from rewardsmith.report.study.arms_report import render_arms_report
from rewardsmith.report.study.arms_terminal import forecast_in_words, print_arms, print_forecast
from rewardsmith.studies.arms.findings import ArmResults, findings
from rewardsmith.studies.arms.forecast import Cost, Forecast, workers_that_fit
from rewardsmith.studies.arms.parts import parts_of
from rewardsmith.studies.arms.schedule import Schedule
from rewardsmith.trials.cell_log import fingerprint_of_code
from rewardsmith.workflows.arms.files import MODELS, SETS, ArmFiles
from rewardsmith.workflows.arms.plan import ArmPlan, plan_of
from rewardsmith.workflows.arms.runs import TRAININGS, ArmRuns
from rewardsmith.workflows.arms.sets import read_sets, scored_sets, workload
from rewardsmith.workflows.options.study_arms import StudyArmsConfig
from rewardsmith.workflows.outputs.output_paths import open_folder
from rewardsmith.workflows.steps.stage_times import StageTimes

MAY_CHANGE = ("num_seeds", "workers", "forecast")
"""What an interrupted study may be asked for anew: cells do not depend on which others there are."""
PACKAGES = (
    *("contracts", "metrics", "objectives", "preferences", "tokens", "models", "engine", "strength", "evaluation"),
    *("trials", "studies", "workflows"),
)
"""Whose code computes a cell."""


@dataclass(frozen=True, repr=False)
class ArmsResult(ReportedResult[StudyArmsMetrics]):
    """Numbers of a study and the folder that holds them with the report and every cell."""

    def in_short(self) -> str:
        m = self.metrics
        return f"{m['num_pairs']:,} pairs, {len(m['arms'])} arms, {len(m['tests'])} tests, {len(m['seeds'])} seeds"

    def print(self, console: Any) -> None:
        """The tables for a reader, on a rich console."""
        print_arms(self.metrics, console, self.report_path)


@dataclass(frozen=True)
class ForecastResult:
    """How long a study will take, and its folder, in which the same command without ``forecast`` goes on."""

    path: str
    forecast: Forecast

    def summary(self) -> dict[str, Any]:
        return {"path": self.path, "seconds": self.forecast.seconds, **asdict(self.forecast)}

    def print(self, console: Any) -> None:
        """A table of the arms, on a rich console."""
        print_forecast(self.forecast, console)


def run_study_arms(
    config: StudyArmsConfig, dataset: Any = None, arms: Mapping[str, Mapping[str, Any]] | None = None
) -> ArmsResult | ForecastResult:
    """Computes every cell that is missing, then writes tables and report; with ``forecast`` only measures.

    ``dataset``: rows in memory, if not named; ``arms``: options by name, instead of a file.
    """
    set_quiet(config.run.quiet)
    plan, times = plan_of(config, arms), StageTimes()
    with times.stage("reading"):
        sets = read_sets(config, plan, dataset)
    work = {"code of rewardsmith": fingerprint_of_code(PACKAGES), **sets.fingerprints}
    folder = open_folder("study arms", config, sets.given, work, MAY_CHANGE)
    with folder.abandoned_on_input_error(unless=TRAININGS):  # cells are never thrown away
        parts = parts_of(sets.given.table, config.study, plan.seeds)
        scored = scored_sets(sets, parts, config.study)
        options = {arm: flatten(each) for arm, each in plan.configs.items()}
        files = ArmFiles(str(folder.path), options, tuple(sets.own), tuple(test.name for test in scored))
        sets.write(files, parts)
        schedule = Schedule(tuple(plan.configs), plan.rates, plan.seeds, config.study.choose_rates_on)
        runs = ArmRuns(files, schedule, plan.baseline)
        with times.stage("forecast"):
            costs = runs.costs(config.study.workers)
        forecast = runs.forecast(costs, workload(sets, parts, plan), _workers(config, costs))
    if config.study.forecast:
        return ForecastResult(str(folder.path), forecast)
    say(forecast_in_words(forecast))
    with times.stage("trainings"):
        rates, trained = runs.train(forecast.workers)
    with times.stage("tests"):
        tested = runs.test(rates, trained, forecast.workers)
    with times.stage("statistics"):
        same = {arm: plan.same_course(arm) for arm in plan.configs}
        results = ArmResults(trained, tested, plan.own, same, plan.baseline, plan.seeds, plan.rates)
        found = findings(results, scored)
    metrics: StudyArmsMetrics = {
        **_about(config, plan, sets.given),
        **found,
        "forecast_s": forecast.seconds,
        "timings": times.rounded(),
    }
    write_text(folder.path / "report.html", render_arms_report(metrics))
    write_metrics(folder.path, metrics, StudyArmsMetrics)
    folder.finish(device=choose_device(config.train.model.device), scratch=[SETS, MODELS])
    return ArmsResult(str(folder.path), metrics)


def _workers(config: StudyArmsConfig, costs: Mapping[str, Cost]) -> int:
    """Those asked for, or fewer where memory does not allow them, which is said."""
    asked = config.study.workers
    free = free_memory(choose_device(config.train.model.device)) / GIB
    largest = max(cost.memory_gib or 0.0 for cost in costs.values())
    workers = workers_that_fit(asked, largest, free)
    if workers < asked:
        say(f"`workers` {asked} of {largest:.1f} GiB do not fit into {free:.1f} GiB: {workers} at a time.")
    return workers


def _about(config: StudyArmsConfig, plan: ArmPlan, given: PreferenceSet) -> ArmsAbout:
    study = config.study
    return {
        "dataset_name": given.name,
        "title": f"Arms of training on {given.name}",
        "model": plan.configs[plan.baseline].model.model_name_or_path,
        "baseline": plan.baseline,
        "num_pairs": len(given.table),
        "num_quarantined": len(given.quarantine),
        "fold_by": study.fold_by,
        "test_share": study.test_share,
        "held_out_share": study.held_out_share,
        "seeds": list(plan.seeds),
        "learning_rates": list(plan.rates),
        "choose_rates_on": study.choose_rates_on,
    }
