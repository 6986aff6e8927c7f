"""The stages of a study of arms that are computed in processes: pilots, trainings, tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from rewardsmith.artifacts.terminal.progress import progress, say
from rewardsmith.errors import RunError
from rewardsmith.studies.arms.cells import Pilot, Training
from rewardsmith.studies.arms.forecast import Cost, Forecast, Workload, forecast_of
from rewardsmith.studies.arms.schedule import Rates, Schedule
from rewardsmith.trials.cell_log import Cell, CellLog, Result
from rewardsmith.trials.cell_processes import Prepare, run_cells
from rewardsmith.workflows.arms.cells import open_pilots, open_tests, open_trainings
from rewardsmith.workflows.arms.files import ArmFiles

PILOTS, TRAININGS, TESTS = "pilots.jsonl", "trainings.jsonl", "tests.jsonl"

C = TypeVar("C", bound=Cell)


class ArmRuns:
    """Computes what is missing, and knows what is there."""

    def __init__(self, files: ArmFiles, schedule: Schedule, baseline: str) -> None:
        folder = Path(files.path)
        self._files, self._schedule, self._baseline = files, schedule, baseline
        self._pilots = CellLog(folder / PILOTS, Pilot)
        self._trainings = CellLog(folder / TRAININGS, Training)
        self._tests = CellLog(folder / TESTS, Training)

    def costs(self, workers: int) -> dict[str, Cost]:
        """What each arm takes where so many are computed at a time. ``RunError`` for an arm that cannot be trained."""
        schedule = self._schedule
        given = {"seed": schedule.seeds[0], "learning_rate": schedule.rates[0]}
        pilots = [Pilot(arm) for arm in schedule.arms]
        found = self._computed("Measuring arms", self._pilots, pilots, open_pilots, given, workers)
        if failed := next((pilot for pilot in found if "skipped" in pilot), None):
            raise RunError(f"Arm {failed['arm']} cannot be trained: {failed['skipped']}")
        return {pilot["arm"]: Cost.of(pilot) for pilot in found}

    def forecast(self, costs: dict[str, Cost], load: Workload, workers: int) -> Forecast:
        """How long it will take to compute what is missing."""
        schedule = self._schedule
        search = self._trainings.missing(schedule.search())
        done = [] if search else self._trainings.results(schedule.search())
        rates = schedule.chosen(done) if done else schedule.expected()
        trainings = [*search, *self._trainings.missing(schedule.rest(rates))]
        return forecast_of(costs, load, trainings, self._tests.missing(schedule.final(rates)), workers)

    def train(self, workers: int) -> tuple[Rates, list[Result]]:
        """The rates that were chosen, and every training. The models of other rates are removed.

        ``RunError`` where the baseline cannot be trained with every seed, each time by some rate.
        """
        schedule = self._schedule
        search = schedule.search()
        found = self._computed("Trainings (rates)", self._trainings, search, open_trainings, {}, workers)
        rates = schedule.chosen(found)
        if any((self._baseline, seed) not in rates for seed in schedule.seeds):
            self._refuse_failed_baseline(found)
        final = set(schedule.final(rates))
        for cell in search:
            if cell not in final:
                shutil.rmtree(self._files.model(cell), ignore_errors=True)
        rest = schedule.rest(rates)
        others = self._computed("Trainings", self._trainings, rest, open_trainings, {}, workers)
        self._refuse_failed_baseline(others)
        self._trainings.close([*search, *rest])
        return rates, [*found, *others]

    def test(self, rates: Rates, trained: Sequence[Result], workers: int) -> list[Result]:
        """The models of the chosen rates on every set. ``RunError`` where one of the baseline cannot be tested."""
        scales = {_cell(result): result["held_out"]["scale"] for result in trained if "held_out" in result}
        cells = [cell for cell in self._schedule.final(rates) if cell in scales]
        given = {"scales": {cell.key: scale for cell, scale in scales.items()}}
        found = self._computed("Tests", self._tests, cells, open_tests, given, workers)
        self._refuse_failed_baseline(found)
        self._tests.close(cells)
        return found

    def _refuse_failed_baseline(self, results: Sequence[Result]) -> None:
        for failed in results:
            if failed["arm"] == self._baseline and "skipped" in failed:
                raise RunError(f"Nothing can be compared with the baseline: {_cell(failed).key}: {failed['skipped']}")

    def _computed(
        self, what: str, log: CellLog[C], cells: Sequence[C], prepare: Prepare, given: dict[str, Any], workers: int
    ) -> list[Result]:
        """Results of all cells, in their order; those that are missing, or failed in an earlier run, are computed."""
        missing = log.missing(cells)
        missing += [cell for cell in cells if cell not in missing and "skipped" in log.results([cell])[0]]
        with progress(what, len(cells)) as bar:
            if num_done := len(cells) - len(missing):
                say(f"{what}: {num_done} of {len(cells)} are there already.")
                bar.advance(num_done)
            given = {"files": asdict(self._files), **given}
            for result in run_cells(missing, prepare, given, Path(self._files.path), workers):
                log.add(result)
                bar.advance(1)
        return list(log.results(cells))


def _cell(result: Result) -> Training:
    return Training(result["seed"], result["arm"], result["learning_rate"])
