"""What demonstrations cost a policy beside its own responses: IRFT (arXiv 2405.17888), SPIN (arXiv 2401.01335).

A policy pi is its own reward model, r = beta log pi / pi_old, where pi_old is the policy that wrote the own responses.
A demonstration y beside an own response y~ to the same prompt has the gap r(y) - r(y~), and costs

    log_sigmoid    -log sigmoid(gap)        gradient at pi = pi_old: -beta / 2 (grad log pi(y) - grad log pi(y~))
    linear         -gap                     gradient everywhere:     -beta     (grad log pi(y) - grad log pi(y~))

The own responses' part has mean 0 at pi = pi_old: there both are, but for a factor, the gradient of -log pi(y), which
vanishes where the policy is the demonstrators' distribution p. With pi_old held, log_sigmoid ends at
pi_old (p / pi_old)^(1 / beta) / Z, and linear nowhere: it has no minimum.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor

from rewardsmith.objectives.preference import preference_loss

GapCost: TypeAlias = Literal["log_sigmoid", "linear"]


def implicit_gap(
    logprobs: Float[Tensor, "2 B"], old_logprobs: Float[Tensor, "2 B"], beta: float
) -> Float[Tensor, " B"]:
    """beta (log pi / pi_old of the demonstration - the same of the own response), rows in this order."""
    rewards = beta * (logprobs - old_logprobs)
    return rewards[0] - rewards[1]


def gap_cost(gap: Float[Tensor, " B"], cost: GapCost) -> Float[Tensor, " B"]:
    """Of each pair. ``log_sigmoid`` is log 2 at a gap of 0, where ``linear`` is 0."""
    return preference_loss(gap) if cost == "log_sigmoid" else -gap
