"""How long a study will take, from a few measured steps of every arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rewardsmith.studies.arms.cells import Training

HELD_OUT = "held out"
"""Name of the held-out part among the sets that are scored."""


@dataclass(frozen=True)
class Cost:
    """What one arm takes, in seconds."""

    to_start: float
    """Reading, loading, and the checks before the first step."""
    a_pair: float
    """Of training, with its share of the optimiser's steps."""
    to_load: float
    """A trained model, to score with it."""
    a_conversation: Mapping[str, float]
    """Of scoring, by the name of its set."""
    memory_gib: float | None
    """Largest so far of the process that measured."""

    @classmethod
    def of(cls, pilot: Mapping[str, Any]) -> Cost:
        """From the result of a pilot."""
        return cls(**{name: pilot[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Workload:
    """How much there is to do."""

    pairs: Mapping[str, float]
    """Of one training, repeats included, by arm."""
    conversations: Mapping[str, int]
    """Distinct ones of each set, ``HELD_OUT`` among them."""

    def training(self, arm: str, cost: Cost) -> float:
        """Seconds of one training and of its held-out part."""
        return cost.to_start + self.pairs[arm] * cost.a_pair + cost.to_load + self._scoring(cost, HELD_OUT)

    def test(self, cost: Cost) -> float:
        """Seconds of one test on all sets."""
        return cost.to_load + sum(self._scoring(cost, name) for name in self.conversations if name != HELD_OUT)

    def _scoring(self, cost: Cost, name: str) -> float:
        return self.conversations[name] * cost.a_conversation[name]


@dataclass(frozen=True)
class ArmForecast:
    """What is left of one arm, and what each piece takes."""

    num_trainings: int
    num_tests: int
    training_s: float
    test_s: float

    @property
    def seconds(self) -> float:
        return self.num_trainings * self.training_s + self.num_tests * self.test_s


@dataclass(frozen=True)
class Forecast:
    """What is left of a study."""

    arms: Mapping[str, ArmForecast]
    workers: int

    @property
    def num_trainings(self) -> int:
        return sum(arm.num_trainings for arm in self.arms.values())

    @property
    def num_tests(self) -> int:
        return sum(arm.num_tests for arm in self.arms.values())

    @property
    def seconds(self) -> float:
        """As if the workers shared the work evenly, which the last cells do not."""
        return sum(arm.seconds for arm in self.arms.values()) / self.workers


def forecast_of(
    costs: Mapping[str, Cost], load: Workload, trainings: Iterable[Training], tests: Iterable[Training], workers: int
) -> Forecast:
    """From what pilots measured and what is missing."""
    trained, tested = Counter(cell.arm for cell in trainings), Counter(cell.arm for cell in tests)
    arms = {
        arm: ArmForecast(trained[arm], tested[arm], load.training(arm, cost), load.test(cost))
        for arm, cost in costs.items()
    }
    return Forecast(arms, workers)


def workers_that_fit(asked: int, memory_gib: float | None, free_gib: float) -> int:
    """As many processes as were asked for, or as fit, but at least one."""
    return asked if not memory_gib else max(1, min(asked, int(free_gib / memory_gib)))
