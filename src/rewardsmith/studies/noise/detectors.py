"""What can be found out about noisy labels without knowing the truth: by our audits, and by the rivals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rewardsmith.refining.evidence import Evidence
from rewardsmith.strength.ensembles.judgements import Judgements
from rewardsmith.strength.ensembles.probe import probe_judgements
from rewardsmith.strength.evidence_gap import evidence_gap
from rewardsmith.strength.label_noise.cell_noise import CellNoise
from rewardsmith.strength.label_noise.posterior import LabelNoise, estimate_label_noise
from rewardsmith.strength.options import StrengthOptions
from rewardsmith.strength.rivals import Rival, gap_rivals, rival_finders
from rewardsmith.strength.structured import structured_audit
from rewardsmith.studies.noise.study_pairs import StudyPairs

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Detectors:
    """Detectors on N training pairs with the labels ``noisy``. Everything is computed once, when it is asked for."""

    pairs: StudyPairs
    """Their ``columns.target`` is the truth, which nothing here reads."""
    noisy: Floats
    num_judges: int
    seed: int

    def take(self, rows: NDArray[np.int64]) -> Detectors:
        """Detectors that know some of the pairs only."""
        return Detectors(self.pairs.take(rows), self.noisy[rows], self.num_judges, self.seed)

    @cached_property
    def judged(self) -> Judgements:
        """The audit's ensemble."""
        labels = self.noisy.astype(np.float32)
        return probe_judgements(self.pairs.designs, labels, self.pairs.fold_groups, self._options, self.seed)

    @cached_property
    def evidence_gap(self) -> Floats:
        """What the audit goes by, in the direction of the label."""
        return evidence_gap(self.judged.held_out().mean, self.noisy, self.pairs.responses, self.seed)

    @cached_property
    def noise(self) -> LabelNoise | None:
        """The audit's estimate of the share of wrong labels."""
        decided = self.noisy != 0.5
        return estimate_label_noise(self.evidence_gap[decided], self.pairs.drawn_together[decided])

    @property
    def noise_value(self) -> float:
        """The same as one number, 0 where there is none."""
        return self.noise.value if self.noise else 0.0

    @cached_property
    def evidence(self) -> Evidence:
        """What the audit gives to recipes."""
        p_wrong = self.noise.p_wrong(self.evidence_gap) if self.noise else np.full(len(self.noisy), np.nan)
        return self._evidence(self.judged, np.where(self.noisy == 0.5, np.nan, p_wrong))

    @cached_property
    def structured(self) -> tuple[Evidence, CellNoise | None]:
        """What the structured audit says in the place of the audit, and the rates it found; NaN and None: nothing."""
        judged, found = structured_audit(self.pairs.designs, self.noisy, self.pairs.structure, self._options, self.seed)
        p_wrong = found.p_wrong if found else np.full(len(self.noisy), np.nan)
        return self._evidence(judged, p_wrong), found

    @property
    def evidence_of_both(self) -> Evidence:
        """What the audit gives to recipes, with what the structured audit found beside it."""
        return replace(self.evidence, p_wrong_structured=self.structured[0].p_wrong)

    @property
    def structured_rates(self) -> Floats:
        """P(labelled better | worse) of the chosen and of the rejected response, [N, 2], by the structured audit."""
        found = self.structured[1]
        return np.zeros((len(self.noisy), 2)) if found is None else found.error_rates

    @property
    def share(self) -> float:
        """Share of the labels that every ranking detector flags, so that rankings are compared and not thresholds:
        what the structured audit expects to be wrong."""
        found = self.structured[1]
        return float(np.nanmean(found.p_wrong)) if found else 0.0

    def suspicion(self, detector: str) -> Floats:
        """Of each label, higher is worse; -inf where nothing is known."""
        found = OURS[detector](self) if detector in OURS else self._rivals[detector].suspicion
        return np.where(np.isnan(found) | (self.noisy == 0.5), -np.inf, found)

    def flagged(self, detector: str) -> Mask:
        """The labels that a detector calls wrong: by its own mask where it has one (cleanlab), else as many as
        ``share`` says."""
        mask = self._rivals[detector].mask if detector in RIVALS else None
        if mask is not None:
            return mask
        suspicion = self.suspicion(detector)
        number = round(self.share * int((self.noisy != 0.5).sum()))
        flagged = np.zeros(len(suspicion), dtype=bool)
        flagged[np.argsort(-suspicion, kind="stable")[:number]] = True
        return flagged & np.isfinite(suspicion)

    @cached_property
    def _rivals(self) -> dict[str, Rival]:
        labels = self.noisy.astype(np.float32)
        options = StrengthOptions(num_judges=1)
        found = [
            *gap_rivals(self.judged, labels, self.seed),
            *rival_finders(self.pairs.designs, labels, self.pairs.fold_groups, options, self.seed),
        ]
        by_method = {rival.method: rival for rival in found}
        return {name: by_method[method] for name, method in RIVALS.items()}

    @property
    def _options(self) -> StrengthOptions:
        return StrengthOptions(num_judges=self.num_judges)

    def _evidence(self, judged: Judgements, p_wrong: Floats) -> Evidence:
        return Evidence.from_judgements(
            self.noisy,
            judged,
            p_wrong=p_wrong,
            groups=self.pairs.fold_groups,
            category=self.pairs.category,
            longer=self.pairs.columns.longer,
            rows=self.pairs.widest.rows.numpy(),
        )


OURS: dict[str, Callable[[Detectors], Floats]] = {
    "ours": lambda found: -found.evidence.strength(in_sample=False),
    "structured": lambda found: found.structured[0].p_wrong,
    "in_sample": lambda found: -found.evidence.strength(in_sample=True),
}
"""What our audits suspect each label of."""
RIVALS = {
    "single_model": "single-model loss",
    "cleanlab": "cleanlab (confident learning)",
    "aum": "AUM",
    "small_loss": "small loss",
}
"""Names in ``strength.rivals``."""
DETECTORS = (*OURS, *RIVALS)
