"""How much a pair counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.rules.rule import Change, figures, known_where
from rewardsmith.refining.selection import Where, require_measured, require_p_wrong
from rewardsmith.refining.supervision import Floats, Supervision


@dataclass(frozen=True)
class Reweight:
    """The weight is multiplied.

    ``constant``: by ``factor``. ``certainty``: by how much more likely the label, as the rules before left it, is right
    than wrong: 1 - 2 p_wrong, of a flipped one 2 p_wrong - 1, and 0 where it is rather wrong.
    ``spread``: by 1 / (1 + (spread / median spread)^2), 1/2 where the judges differ as much as they usually do.
    """

    name: ClassVar[str] = "reweight"
    by: Literal["constant", "certainty", "spread"] = "certainty"
    factor: float = 1.0
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        if not self.factor >= 0:
            raise ConfigError(f"factor {self.factor:g} must be 0 or more.")
        if self.factor != 1 and self.by != "constant":
            raise ConfigError(f"factor {self.factor:g} goes with `by: constant`, not with `by: {self.by}`.")

    @property
    def reads(self) -> frozenset[Reads]:
        return frozenset() if self.by == "constant" else frozenset({Reads.JUDGES})

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """New weights where selected and known. ``DataError`` where nothing of the kind was measured."""
        factor = self._factors(evidence, now)
        if np.isnan(factor).all():
            raise DataError(f"reweight by {self.by}: it is known of no pair.")
        selected = known_where(self.where.select(evidence), factor)
        return Change(
            selected,
            now.changed(selected, weight=now.weight * np.nan_to_num(factor)),
            lambda i: f"weight times {factor[i]:.3f}: {figures(evidence, i, self.where.in_sample)}",
        )

    def _factors(self, evidence: Evidence, now: Supervision) -> Floats:
        if self.by == "constant":
            return np.full(len(evidence), self.factor)
        if self.by == "certainty":
            require_p_wrong(evidence, self.where.in_sample)
            side = np.sign(now.target - 0.5) * np.sign(evidence.target - 0.5)
            return np.maximum(side * (1 - 2 * evidence.p_wrong), 0.0)
        require_measured(evidence, self.where.in_sample)
        spread = evidence.std(self.where.in_sample)
        usual = float(np.nanmedian(spread))
        return 1 / (1 + np.square(spread / usual)) if usual > 0 else np.where(np.isnan(spread), np.nan, 1.0)
