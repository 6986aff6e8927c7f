"""What a policy is held near, after it became the reference itself."""

from __future__ import annotations

from typing import Any

import torch
from runs import adapted
from toy_policies import toy_policy

from rewardsmith.policy.networks.reference import FrozenCopy

TOKENS = torch.tensor([[1, 5, 9, 20]])


@torch.no_grad()
def learned() -> Any:
    """A policy whose adapters say something."""
    policy = adapted()
    for name, parameter in policy.named_parameters():
        if "lora_B" in name:
            parameter.add_(0.1)
    return policy


@torch.no_grad()
def test_a_policy_with_adapters_becomes_a_reference_that_had_none() -> None:
    policy, reference = learned(), FrozenCopy(toy_policy(seed=1)[0])
    before, without = policy(TOKENS).logits, adapted()(TOKENS).logits
    reference.reset(policy)
    with reference.opened() as model:
        torch.testing.assert_close(model(TOKENS).logits, before, atol=1e-5, rtol=1e-5)
    assert float((before - without).abs().max()) > 1e-2
    assert torch.equal(policy(TOKENS).logits, before)  # still with adapters of its own
    resumed = FrozenCopy(toy_policy(seed=1)[0])
    resumed.load_state(reference.state())
    assert torch.equal(resumed.model(TOKENS).logits, reference.model(TOKENS).logits)
