"""The ensemble of an audit, made from its configuration. What ensembles are: ``strength/ensembles/ensemble.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rewardsmith.strength.ensembles.ensemble import Ensemble, EnsembleInputs, Stage, open_ensemble, untimed
from rewardsmith.workflows.inputs.audit_folder import PAIRS
from rewardsmith.workflows.options.audit import AuditConfig


def audit_ensemble(
    config: AuditConfig, pairs: pa.Table, groups: NDArray[np.int64], folder: Path, stage: Stage = untimed
) -> Ensemble:
    """The ensemble that the configuration names. Its models go to ``folder``, which holds the pairs once it judges."""
    return open_ensemble(
        EnsembleInputs(
            pairs=pairs,
            groups=groups,
            folder=folder,
            pairs_file=folder / PAIRS,
            strength=config.strength,
            members=config.members,
            model=config.model,
            lora=config.lora,
            stage=stage,
        )
    )
