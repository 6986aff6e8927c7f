"""Does a model give the same rewards packed as padded? Asked once, before anything relies on it."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

import torch

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.engine.attention.packed_attention import NAME, use_packed_attention
from rewardsmith.engine.batches.model_inputs import ModelInputs, PackedInputs
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import core_of, has_score_head
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded

TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.1, torch.float16: 0.02}
"""Largest difference that is rounding, relative to the spread of the rewards; by number type of the weights."""

TRIES = 2
"""What a model does differently it does twice. Once in about a thousand rewards were off."""

PROMPTS = ("What is the capital of France?", "Tell me about trees, rivers and mountains. " * 12)
RESPONSES = ("Paris.", "I would rather not say, if you do not mind; " * 6, "Trees are tall.")


@runtime_checkable
class _Padded(Protocol):
    def inputs(self, encoded: list[Encoded]) -> ModelInputs: ...


@runtime_checkable
class _Packed(Protocol):
    def inputs(self, encoded: list[Encoded]) -> PackedInputs: ...


def why_not_packed(model: Any, encoder: ConversationEncoder, padded: _Padded, packed: _Packed) -> str | None:
    """None, and the model attends within packs from now on; or the reason why it cannot, and it is as it was."""
    core = core_of(model)
    name = type(core).__name__
    if not has_score_head(core):
        return f"{name} has no head that reads the last token."
    before = core.config._attn_implementation
    was_training = model.training
    reason: str | None = None
    conversations = encoder.encode_samples(
        [
            [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
            for prompt in PROMPTS
            for response in RESPONSES
        ]
    )
    try:
        model.eval()
        for _ in range(TRIES):
            slip, reason = reason, _disagreement(model, core, conversations, padded, packed, encoder.max_length)
            if reason is None:
                if slip is not None:
                    say(f"Not so when asked again, so batches are packed: {slip}")
                return None
            core.set_attn_implementation(before)
    except torch.OutOfMemoryError:
        raise
    except (ModelError, TypeError, ValueError, RuntimeError) as error:  # whatever a model's own code stumbles over
        reason = f"{name}: {str(error).splitlines()[0]}" if str(error) else f"{name} raised {type(error).__name__}."
        core.set_attn_implementation(before)
    finally:
        model.train(was_training)
    return reason


@torch.no_grad()
def _disagreement(
    model: Any, core: Any, conversations: list[Encoded], padded: _Padded, packed: _Packed, max_length: int
) -> str | None:
    """What speaks against packing, if anything does; leaves the model attending within packs."""
    device, name = next(model.parameters()).device, type(core).__name__
    expected = rewards_of(model, padded.inputs(conversations).to(device))
    use_packed_attention(core)
    if core.config._attn_implementation != NAME:
        return f"{name} does not let its attention be chosen."
    inputs = packed.inputs(conversations).to(device)
    found = rewards_of(model, inputs)
    window = _window(core.config)
    if window is not None and window < max_length and window not in inputs.layout.windows:
        return f"{name} has a sliding window of {window} tokens that its attention does not name."
    off = ((found - expected).abs().max() / (expected.std() + 1e-6)).item()
    if math.isfinite(off) and off <= TOLERANCES[next(model.parameters()).dtype]:
        return None
    return f"{name} gives other rewards when packed (off by {off:.1e} of their spread)."


def _window(config: Any) -> int | None:
    """The sliding window that some layer of a model has. The check's own texts are shorter than any in use."""
    config = config.get_text_config()
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    used = getattr(config, "use_sliding_window", True) and (kinds is None or "sliding_attention" in kinds)
    return int(window) if window is not None and used else None
