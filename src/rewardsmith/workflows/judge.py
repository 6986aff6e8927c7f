"""``rewardsmith judge``: who writes better responses, and how far the judge is to be trusted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rewardsmith.artifacts.atomic import write_jsonl
from rewardsmith.artifacts.flat_config import flatten
from rewardsmith.artifacts.metrics_file import write_metrics
from rewardsmith.artifacts.progress import say, set_quiet
from rewardsmith.artifacts.run_folder import RunFolder
from rewardsmith.contracts.judge import Judge, Ruling
from rewardsmith.contracts.metrics.judge import (
    ContestNumbers,
    FileNumbers,
    ForecastNumbers,
    JudgeMetrics,
    SpentNumbers,
    TruthNumbers,
)
from rewardsmith.errors import ConfigError, DataError
from rewardsmith.judging.endpoint_judge import EndpointJudge
from rewardsmith.judging.findings import Judged, contest_numbers, file_ratings, position_numbers, truth_numbers
from rewardsmith.judging.scorer_judge import ScorerJudge
from rewardsmith.report.judge.terminal import forecast_words, print_forecast, print_judging
from rewardsmith.report.notebook import MeasuredResult
from rewardsmith.report.numbers import decimal
from rewardsmith.workflows.judge_choice import OpenedJudge, check_choice, open_judge
from rewardsmith.workflows.judge_inputs import JudgeInputs, read_inputs
from rewardsmith.workflows.judge_options import JudgeConfig
from rewardsmith.workflows.judged_windows import JudgedWindows
from rewardsmith.workflows.output_paths import QUARANTINE, default_output

JUDGED = "judged.jsonl"
MAY_CHANGE = (
    *("max_requests", "max_cost", "input_price", "output_price", "forecast", "window"),
    *("api_key_env", "max_concurrent_requests", "max_retries", "request_timeout_s"),
)
"""Options that bear on no ruling: a run may go on with others."""


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
    if config.cost.forecast:
        if forecast is None:
            raise ConfigError("`forecast` is for a judge behind `base_url`: others cost nothing.")
        return JudgeForecast(forecast)
    if isinstance(judge, EndpointJudge) and forecast is not None:
        judge.model.spending.check_forecast(forecast)
        say(f"Judging takes {forecast_words(forecast)}")
    name = "-".join(inputs.names) or str(config.judge_truth)
    folder = RunFolder.open(
        config.run.output_dir or default_output("judge", name),
        "judge",
        flatten(config),
        {**inputs.fingerprints, "judge": judge.fingerprint},
        config.run.overwrite,
        config.run.seed,
        MAY_CHANGE,
    )
    if inputs.quarantine:
        write_jsonl(folder.path / QUARANTINE, inputs.quarantine)
    windows = JudgedWindows(folder.path / JUDGED, judge, config.window)
    with folder.abandoned_on_input_error():
        rulings = windows.judge(inputs.pairs, inputs.abouts)
        if all(ruling.outcome is None for ruling in rulings):
            raise DataError(f"{opened.name} judged none of {len(rulings):,} pairs. The first: {rulings[0].reason}.")
    metrics: JudgeMetrics = {
        "judge": opened.name,
        "kind": opened.kind,
        "fingerprint": judge.fingerprint,
        "rubric": judge.rubric.name if isinstance(judge, EndpointJudge) else None,
        "orders": judge.rubric.orders if isinstance(judge, EndpointJudge) else None,
        "tie_band": judge.tie_band if isinstance(judge, ScorerJudge) else None,
        "files": _files(inputs, rulings),
        "contests": _contests(inputs, rulings),
        "truth": _truth(inputs, rulings),
        "position": position_numbers(rulings, inputs.prompts),
        "spent": _spent(judge, forecast),
        "num_pairs_resumed": windows.num_resumed,
        "seed": config.run.seed,
        "duration_s": round(time.monotonic() - started, 3),
    }
    write_metrics(folder.path, metrics, JudgeMetrics)
    folder.finish(opened.device)
    return JudgeResult(str(folder.path), metrics)


def _check(config: JudgeConfig) -> None:
    for name in ("window", "max_prompts", "max_responses", "max_truth_pairs"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} {value} must be at least 1.")


def _files(inputs: JudgeInputs, rulings: Sequence[Ruling]) -> list[FileNumbers]:
    ratings = file_ratings(len(inputs.sets), inputs.compared, rulings[: len(inputs.compared)])
    return [
        {
            "name": name,
            "num_rows": one.num_rows,
            "num_bad_rows": len(one.quarantine),
            "bad_rows_by_reason": one.quarantine_by_reason,
            "num_prompts": len(one.prompts),
            "num_responses": one.num_answers,
            "rating": rating.as_dict(),
            "columns_not_read": one.columns_not_read,
        }
        for name, one, rating in zip(inputs.names, inputs.sets, ratings, strict=True)
    ]


def _contests(inputs: JudgeInputs, rulings: Sequence[Ruling]) -> list[ContestNumbers]:
    found = []
    for i, j in combinations(range(len(inputs.sets)), 2):
        own = [place for place, one in enumerate(inputs.compared) if (one.first, one.second) == (i, j)]
        if own:
            compared, ruled = [inputs.compared[place] for place in own], [rulings[place] for place in own]
            found.append(contest_numbers(inputs.names[i], inputs.names[j], compared, ruled))
    return found


def _truth(inputs: JudgeInputs, rulings: Sequence[Ruling]) -> list[TruthNumbers]:
    """The judge beside gold in the files, and beside the labels of the set."""
    judged = [Judged(*row) for row in zip(inputs.pairs, inputs.prompts, rulings, strict=True)]
    of_files = zip(judged, inputs.compared, strict=False)
    known = [(one, compared.gold_gap) for one, compared in of_files if compared.gold_gap is not None]
    found = []
    if any(gap for _, gap in known):
        found.append(truth_numbers("gold of the files", "gold", [one for one, _ in known], [gap for _, gap in known]))
    if inputs.truth is not None:
        gaps = [row["target"] - 0.5 for row in inputs.truth.rows]
        labelled = judged[len(inputs.compared) :]
        found.append(truth_numbers(inputs.truth.given.name, "labels", labelled, gaps))
    return found


def _spent(judge: Judge, forecast: ForecastNumbers | None) -> SpentNumbers | None:
    if not isinstance(judge, EndpointJudge) or forecast is None:
        return None
    spending = judge.model.spending
    return {
        "num_requests": spending.num_requests,
        "num_retries": judge.model.num_retries,
        "num_kept": spending.num_kept,
        "num_tokens_in": spending.num_tokens_in,
        "num_tokens_out": spending.num_tokens_out,
        "num_uncounted": spending.num_uncounted,
        "cost": spending.cost,
        "forecast": forecast,
    }
