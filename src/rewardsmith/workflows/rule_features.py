"""Features for the rules that read them: those that the audit's own probe reads, or would."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rewardsmith.artifacts.flat_config import build_config
from rewardsmith.strength.probe_ensemble import pair_features
from rewardsmith.workflows.audit_folder import AuditFolder
from rewardsmith.workflows.options import AuditConfig


def rule_features(audit: AuditFolder) -> NDArray[np.float32]:
    """Differences of features, chosen minus rejected [N, E]: the broadest set that the audit's model offers.

    The cache has them already where the audit's ensemble was `probe` on this machine.
    """
    config = build_config(AuditConfig, audit.config, f"{audit.path}: ")
    designs = pair_features(audit.pairs, config.model, config.strength.feature_dtype).designs
    broad = next(design for design in reversed(designs) if design.candidate.name == "broad")
    return broad.rows.numpy()
