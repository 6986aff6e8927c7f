"""``rewardsmith judge``: who writes better responses, and how far the judge is to be trusted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from rewardsmith.artifacts.config.flat_config import flatten
from rewardsmith.artifacts.files.atomic import write_jsonl
from rewardsmith.artifacts.runs.metrics_file import write_metrics
from rewardsmith.artifacts.runs.run_folder import RunFolder
from rewardsmith.artifacts.terminal.progress import say, set_quiet
from rewardsmith.contracts.judge import Judge
from rewardsmith.contracts.metrics.judge import ForecastNumbers, JudgeMetrics
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.options import MAY_CHANGE
from rewardsmith.report.judge.terminal import forecast_words, print_forecast, print_judging
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.report.numbers import decimal
from rewardsmith.workflows.judges.choice import OpenedJudge, check_choice, open_judge
from rewardsmith.workflows.judges.inputs import JudgeInputs, read_inputs
from rewardsmith.workflows.judges.metrics import judge_metrics
from rewardsmith.workflows.judges.windows import JudgedWindows
from rewardsmith.workflows.options.judge import JudgeConfig
from rewardsmith.workflows.outputs.output_paths import QUARANTINE, default_output

JUDGED = "judged.jsonl"
FEWER = "`max_prompts`, `max_responses`, `max_truth_pairs`"
"""Options by which less is judged."""


@dataclass(frozen=True, repr=False)
class JudgeResult(MeasuredResult[JudgeMetrics]):
    """Who wins how often, and the folder with every ruling."""

    def in_short(self) -> str:
        contests = self.metrics["contests"]
        rates = [f"{c['first']} against {c['second']} {decimal(c['win_rate']['value'], 3)}" for c in contests]
        return ", ".join(rates) or f"the judge on {self.metrics['truth'][0]['num_pairs']:,} labelled pairs"

    def print(self, console: Any) -> None:
        print_judging(self.metrics, console)
        console.print(f"Every ruling: {self.path}/{JUDGED}", markup=False, highlight=False)


@dataclass(frozen=True)
class JudgeForecast:
    """What judging would take."""

    forecast: ForecastNumbers

    def summary(self) -> dict[str, Any]:
        return {**self.forecast}

    def print(self, console: Any) -> None:
        print_forecast(self.forecast, console)


def run_judge(
    config: JudgeConfig, files: Sequence[Any] | Mapping[str, Any] | None = None, judge: Judge | None = None
) -> JudgeResult | JudgeForecast:
    """Judges and writes ``judged.jsonl`` and ``metrics.json``.

    ``files``: data sets in memory. ``judge``: one that is open, in place of the one that the options name.
    """
    set_quiet(config.run.quiet)
    _check(config)
    if judge is None:
        check_choice(config)
    inputs = read_inputs(config, files)
    opened = OpenedJudge(judge, "given", type(judge).__name__) if judge is not None else open_judge(config)
    if judge is not None:
        return _judged(config, inputs, opened)
    with closing(opened.judge):
        return _judged(config, inputs, opened)


def _judged(config: JudgeConfig, inputs: JudgeInputs, opened: OpenedJudge) -> JudgeResult | JudgeForecast:
    started, judge = time.monotonic(), opened.judge
    forecast = judge.forecast(inputs.pairs) if isinstance(judge, EndpointJudge) else None
    if config.forecast:
        if forecast is None:
            raise ConfigError("`forecast` is for a judge behind `base_url`: others cost nothing.")
        return JudgeForecast(forecast)
    if isinstance(judge, EndpointJudge) and forecast is not None:
        judge.model.spending.check_forecast(forecast, FEWER)
        say(f"Judging takes {forecast_words(forecast)}")
    name = "-".join(inputs.names) or str(config.judge_truth)
    folder = RunFolder.open(
        config.run.output_dir or default_output("judge", name),
        "judge",
        flatten(config),
        {**inputs.fingerprints, "judge": judge.fingerprint},
        config.run.overwrite,
        config.run.seed,
        (*MAY_CHANGE, "forecast", "window"),
    )
    if inputs.quarantine:
        write_jsonl(folder.path / QUARANTINE, inputs.quarantine)
    windows = JudgedWindows(folder.path / JUDGED, judge, config.window)
    with folder.abandoned_on_input_error():
        rulings = windows.judge(inputs.pairs, inputs.abouts)
        if all(ruling.outcome is None for ruling in rulings):
            raise DataError(f"{opened.name} judged none of {len(rulings):,} pairs. The first: {rulings[0].reason}.")
    duration_s = round(time.monotonic() - started, 3)
    metrics: JudgeMetrics = {
        **judge_metrics(inputs, opened, rulings, forecast),
        "num_pairs_resumed": windows.num_resumed,
        "seed": config.run.seed,
        "duration_s": duration_s,
    }
    write_metrics(folder.path, metrics, JudgeMetrics)
    folder.finish(opened.device)
    return JudgeResult(str(folder.path), metrics)


def _check(config: JudgeConfig) -> None:
    for name in ("window", "max_prompts", "max_responses", "max_truth_pairs"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} {value} must be at least 1.")
