"""Pairs with the scores of members that know the truth up to noise: an audit of them takes a second."""

from __future__ import annotations

from typing import Any

import numpy as np


def scored_rows(num: int = 400, wrong: float = 0.15, seed: int = 0, skill: float = 3.0) -> list[dict[str, Any]]:
    """``wrong``: share of flipped labels; ``skill``: size of the members' gaps, whose noise is 0.3; 0 knows nothing."""
    rng = np.random.default_rng(seed)
    flipped = rng.random(num) < wrong
    gap = np.abs(rng.normal(size=num)) * skill * np.where(flipped, -1, 1)
    scores = gap[:, None] + rng.normal(size=(num, 4)) * 0.3
    return [
        {
            "prompt": f"question {i // 2}",
            "chosen": f"one answer to {i}",
            "rejected": f"another, to {i}",
            "category": "even" if i % 4 < 2 else "odd",
            "annotator_id": f"a{i % 3}",
            "chosen_score_list": scores[i].tolist(),
            "rejected_score_list": [0.0] * 4,
            "flipped": bool(flipped[i]),
        }
        for i in range(num)
    ]
