"""What is trained and tested, in which order, and the learning rate that each arm ends up with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewardsmith.studies.arms.cells import Training

Rates = Mapping[tuple[str, int], float]
"""By arm and seed; without those that no rate could train."""


@dataclass(frozen=True)
class Schedule:
    """Seed after seed, so that what is done at any time is whole seeds."""

    arms: tuple[str, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    choose_rates_on: Literal["first", "each"]

    @property
    def searching_seeds(self) -> tuple[int, ...]:
        """Seeds that try all rates."""
        return self.seeds if self.choose_rates_on == "each" else self.seeds[:1]

    def search(self) -> list[Training]:
        """Trainings by which rates are chosen."""
        return [Training(seed, arm, rate) for seed in self.searching_seeds for arm in self.arms for rate in self.rates]

    def chosen(self, results: Sequence[Mapping[str, Any]]) -> Rates:
        """From the results of the search: the rate under which held-out labels are most likely, the lower of equals."""
        best: dict[tuple[str, int], tuple[float, float]] = {}
        for result in results:
            if "held_out" in result:
                key = result["arm"], result["seed"]
                found = result["held_out"]["nll"], result["learning_rate"]
                best[key] = min(found, best.get(key, found))
        by = {seed: seed if self.choose_rates_on == "each" else self.seeds[0] for seed in self.seeds}
        return {
            (arm, seed): best[arm, by[seed]][1] for seed in self.seeds for arm in self.arms if (arm, by[seed]) in best
        }

    def rest(self, rates: Rates) -> list[Training]:
        """Trainings of the seeds that searched nothing."""
        return [cell for cell in self.final(rates) if cell.seed not in self.searching_seeds]

    def final(self, rates: Rates) -> list[Training]:
        """The trainings that are tested."""
        return [Training(seed, arm, rate) for (arm, seed), rate in rates.items()]

    def expected(self) -> Rates:
        """In the place of rates while nothing is chosen."""
        return {(arm, seed): self.rates[0] for seed in self.seeds for arm in self.arms}
