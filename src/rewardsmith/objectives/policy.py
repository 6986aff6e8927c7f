"""What a token of a policy costs: PPO's clipped ratio and value, the KL to a reference, and means over tokens.

Masks are True at tokens of the response; what stands elsewhere never matters. Log-probabilities are those of the policy
itself, at temperature 1 and without cut-offs, whatever the sampler did.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Averaging = Literal["tokens", "sequences", "response_sums"]


def token_logprobs(logits: Float[Tensor, "N T V"], tokens: Int[Tensor, "N T"]) -> Float[Tensor, "N T"]:
    """Log-probability of each token under the logits at its place, in float32."""
    return logits.float().log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


def token_entropy(logits: Float[Tensor, "N T V"]) -> Float[Tensor, "N T"]:
    """Entropy in nats of the distribution that each token is drawn from."""
    logprobs = logits.float().log_softmax(-1)
    return -(logprobs.exp() * logprobs).nan_to_num(0.0).sum(-1)  # a token that cannot come adds 0 * -inf = 0


def clipped_ratio_cost(
    logprobs: Float[Tensor, "N T"],
    old_logprobs: Float[Tensor, "N T"],
    advantages: Float[Tensor, "N T"],
    clip_range: float = 0.2,
) -> tuple[Float[Tensor, "N T"], Bool[Tensor, "N T"]]:
    """-min(rho A, clip(rho, 1 - eps, 1 + eps) A), rho = pi / pi_old (PPO, arXiv 1707.06347, Eq. 7).

    And whether clipping took a token's gradient away. At rho = 1 the gradient in ``logprobs`` is -A.
    """
    ratio = (logprobs - old_logprobs).exp()
    free, clipped = -advantages * ratio, -advantages * ratio.clamp(1 - clip_range, 1 + clip_range)
    return torch.maximum(free, clipped), clipped > free


def clipped_value_cost(
    values: Float[Tensor, "N T"],
    old_values: Float[Tensor, "N T"],
    returns: Float[Tensor, "N T"],
    clip_range: float = 0.2,
) -> Float[Tensor, "N T"]:
    """max((V - R)^2, (V_old + clip(V - V_old, -eps, eps) - R)^2) / 2, as in OpenAI's baselines."""
    near = old_values + (values - old_values).clamp(-clip_range, clip_range)
    return torch.maximum((values - returns).square(), (near - returns).square()) / 2


def kl_k1(logprobs: Float[Tensor, "*shape"], ref_logprobs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """log pi - log pi_ref: unbiased for KL(pi || pi_ref) over tokens that pi drew, of either sign."""
    return logprobs - ref_logprobs


def kl_k3(logprobs: Float[Tensor, "*shape"], ref_logprobs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """pi_ref / pi - 1 - log(pi_ref / pi): unbiased too, and never negative (Schulman 2020)."""
    log_ratio = ref_logprobs - logprobs
    return log_ratio.expm1() - log_ratio


def mean_weights(mask: Bool[Tensor, "N T"], by: Averaging = "tokens") -> Float[Tensor, "N T"]:
    """Weights of a mean over the mask, which add up to 1: each token alike, or each response and its tokens alike.

    ``response_sums`` is the mean over responses of sums over tokens, so they add up to the mean length. A response
    without tokens counts for nothing; without any token all weights are 0.
    """
    weights = mask.float()
    if by == "response_sums":
        return weights / mask.any(1).sum().clamp_min(1)
    if by == "sequences":
        weights = weights / weights.sum(1, keepdim=True).clamp_min(1.0)
    return weights / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)
