"""What MetaRM is watched by: figures of one optimiser step, whose means over steps are logged."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import gather_object  # type: ignore[import-untyped]
from jaxtyping import Float
from torch import Tensor

from rewardsmith.engine.batches.sample_batches import SampleBatch
from rewardsmith.engine.training.meta.perturbation import Perturbation, dot, sum_of_squares
from rewardsmith.objectives.meta import meta_objective, within_prompt_std

MEANS = (
    "meta_objective",
    "meta_standardised",
    "meta_within_prompt_std",
    "meta_head_share",
    "meta_head_scaling",
    "meta_gradient_cosine",
)
STEPS, CLEAR, CORRECT = "num_meta_steps", "num_meta_clear", "num_meta_correct"
TINY = 1e-30

Figures = dict[str, Tensor]


def gathered(
    rewards: Sequence[Float[Tensor, "m k"]], batches: Sequence[SampleBatch], accelerator: Accelerator
) -> tuple[Float[Tensor, "M k"], Float[Tensor, "M k"]]:
    """Rewards and gold of the whole meta batch, of all processes, on the CPU."""
    mine = [
        (some[batch.counts.to(some.device)].tolist(), batch.gold[batch.counts].tolist())
        for some, batch in zip(rewards, batches, strict=True)
    ]
    every = gather_object(mine) if accelerator.num_processes > 1 else mine
    one, other = (torch.tensor([row for part in every for row in part[i]], dtype=torch.float64) for i in (0, 1))
    return one, other


def figures_of_rewards(rewards: Float[Tensor, "M k"], gold: Float[Tensor, "M k"]) -> Figures:
    """How far apart the rewards of a prompt are, and how often they agree with gold, pair by pair."""
    k = rewards.shape[1]
    i, j = torch.triu_indices(k, k, offset=1)
    lean = (gold[:, i] - gold[:, j]).nan_to_num().sign()
    agreement = (rewards[:, i] - rewards[:, j]).sign() * lean
    return {
        STEPS: torch.tensor(1.0),
        "meta_objective": meta_objective(rewards),
        "meta_standardised": meta_objective(rewards, "standardised"),
        "meta_within_prompt_std": within_prompt_std(rewards),
        CLEAR: agreement.abs().sum(),
        CORRECT: (agreement > 0).sum(),
    }


def figures_of_head(move: Perturbation, head: Sequence[Tensor]) -> Figures:
    """Of the move along the gradient of the objective, before it is taken: the head's share in its squared length, and
    the cosine of that part with the head itself, which is the direction that does nothing but multiply rewards."""
    moves = move.of(head)
    length, own = sum_of_squares(moves), sum_of_squares(head)
    along = torch.stack([dot(part, weight.detach()) for part, weight in zip(moves, head, strict=True)]).sum()
    return {
        "meta_head_share": length / move.squared_length.clamp_min(TINY),
        "meta_head_scaling": along / (length * own).sqrt().clamp_min(TINY),
    }


def meta_metrics(totals: dict[str, float]) -> dict[str, float | None]:
    """What is logged of the figures' sums over steps."""
    means = {name: totals[name] / totals[STEPS] if name in totals else None for name in MEANS}
    return {**means, "meta_accuracy": totals[CORRECT] / totals[CLEAR] if totals[CLEAR] else None}
