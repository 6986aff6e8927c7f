"""Does a model give the same rewards packed as padded? Asked once, before anything relies on it."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch

from rewardsmith.engine.model_inputs import ModelInputs
from rewardsmith.engine.packed_attention import NAME, use_packed_attention
from rewardsmith.engine.reward_module import rewards_of
from rewardsmith.errors import ModelError
from rewardsmith.models.heads import has_score_head
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference that is rounding, relative to the spread of the rewards; by number type of the weights."""

PROMPTS = ("What is the capital of France?", "Tell me about trees, rivers and mountains. " * 12)
RESPONSES = ("Paris.", "I would rather not say, if you do not mind; " * 6, "Trees are tall.")


class _Form(Protocol):
    def inputs(self, encoded: list[Encoded]) -> ModelInputs: ...


def why_not_packed(model: Any, encoder: ConversationEncoder, padded: _Form, packed: _Form) -> str | None:
    """None, and the model attends within packs from now on; or the reason why it cannot, and it is as it was."""
    core = model.get_base_model() if hasattr(model, "peft_config") else model
    name = type(core).__name__
    if not has_score_head(core):
        return f"{name} has no head that reads the last token."
    before = core.config._attn_implementation
    was_training = model.training
    device = next(model.parameters()).device
    conversations = encoder.encode_many(
        [
            [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            for prompt in PROMPTS
            for response in RESPONSES
        ]
    )
    try:
        model.eval()
        with torch.no_grad():
            expected = rewards_of(model, padded.inputs(conversations).to(device))
            use_packed_attention(core)
            if core.config._attn_implementation != NAME:
                reason: str | None = f"{name} does not let its attention be chosen."
            else:
                found = rewards_of(model, packed.inputs(conversations).to(device))
                off = ((found - expected).abs().max() / (expected.std() + 1e-6)).item()
                tolerance = TOLERANCES[next(model.parameters()).dtype]
                exact = math.isfinite(off) and off <= tolerance
                reason = (
                    None if exact else f"{name} gives other rewards when packed (off by {off:.1e} of their spread)."
                )
    except (ModelError, TypeError, ValueError, NotImplementedError) as error:
        reason = str(error)
    finally:
        model.train(was_training)
    if reason is not None:
        core.set_attn_implementation(before)
    return reason
