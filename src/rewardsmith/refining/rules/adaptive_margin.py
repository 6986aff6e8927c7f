"""The margin that a pair's own strength asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from rewardsmith.errors import ConfigError, DataError
from rewardsmith.metrics.temperature import fit_scale
from rewardsmith.refining.evidence import Evidence, Reads
from rewardsmith.refining.rules.rule import Change, figures, known_where
from rewardsmith.refining.selection import Range, Where, require_measured
from rewardsmith.refining.supervision import Floats, Supervision


@dataclass(frozen=True)
class AdaptiveMargin:
    """margin = scale * a * strength mean (arXiv 2401.06080, Eq. 6, with the mean inside the sigmoid).

    Negative where the judges prefer the rejected response, which relaxes the pair; a flip takes it along with the
    responses. ``held_out``: strength by judges that did not train on the pair, in the units in which it predicts labels
    best (``temperature_factor``). ``in_sample``: the paper's own, a = 1. Ties have no margin.
    """

    name: ClassVar[str] = "adaptive_margin"
    source: Literal["held_out", "in_sample"] = "held_out"
    scale: float = 1.0
    clip: Range | None = None
    """Lowest and highest margin, in the direction of the given label; null for an open end."""
    where: Where = field(default_factory=Where)

    def __post_init__(self) -> None:
        if self.scale == 0:
            raise ConfigError("scale 0 gives no margin at all; leave the rule out.")
        low, high = self.clip or (None, None)
        if low is not None and high is not None and low > high:
            raise ConfigError(f"clip [{low:g}, {high:g}]: the low end comes first.")

    @property
    def reads(self) -> frozenset[Reads]:
        return frozenset({Reads.JUDGES, Reads.IN_SAMPLE} if self.source == "in_sample" else {Reads.JUDGES})

    def apply(self, evidence: Evidence, now: Supervision) -> Change:
        """New margins where selected and judged. ``DataError`` where gaps that tell nothing would overwrite some."""
        in_sample = self.source == "in_sample"
        require_measured(evidence, in_sample)
        strength = evidence.strength(in_sample)
        factor = 1.0 if in_sample else temperature_factor(evidence.mean(False), evidence.target)
        low, high = self.clip or (None, None)
        own = self.scale * factor * strength
        if low is not None or high is not None:
            own = np.clip(own, low, high)
        margin = np.where(evidence.target < 0.5, -own, own)
        selected = known_where(self.where.select(evidence), margin)
        if factor == 0 and now.margin[selected].any():
            raise DataError(
                "held-out gaps do not predict these labels: every margin would be 0, and those that are there would be "
                "lost. Leave the rule out, or audit with a model whose judges agree with the labels."
            )
        return Change(
            selected,
            now.changed(selected, margin=np.nan_to_num(margin)),
            lambda i: (
                f"margin {margin[i]:.2f} (strength times {self.scale * factor:.2f}): {figures(evidence, i, in_sample)}"
            ),
        )


def temperature_factor(gap: Floats, target: Floats) -> float:
    """The a >= 0 of the greatest likelihood of the targets [N] under sigmoid(a * gap); 0 where gaps mislead.

    With n pairs a target t counts as (n t + 1) / (n + 2) (Platt 1999), so that judges who never miss get a finite
    factor. Gaps that are NaN and targets of 0.5 are left out.
    """
    used = ~np.isnan(gap) & (target != 0.5)
    number = int(used.sum())
    return fit_scale(gap[used], (number * target[used] + 1) / (number + 2))
