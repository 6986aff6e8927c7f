"""Activation checkpointing: what the backward pass needs of a block is computed again instead of being kept.

Selective checkpointing hands kept results of matrix products to a second pass over a block. A model that has written
into such a result meanwhile would go on from the wrong numbers, and PyTorch does not notice where it wrote into the
output of a linear layer. So gradients are compared first, before anything relies on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, Literal

import torch
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts, noop_context_fn

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.contracts.conversations import Conversation
from rewardsmith.engine.batches.batch_forms import BatchForm
from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.engine.training.options import TrainOptions
from rewardsmith.errors import ConfigError
from rewardsmith.models.layers.blocks import transformer_blocks
from rewardsmith.models.layers.heads import core_of, output_layer
from rewardsmith.tokens.encoding import ConversationEncoder

Again = Literal["nothing", "cheap", "all"]
"""What is computed again: `cheap` is all but matrix products and attention, `all` the whole block from its input."""

DEAR = [
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten.baddbmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
]

NARROW = 128
"""A model whose states are narrower keeps everything under `auto`: there is little to save, and to ask of every
operation whether its result was kept takes longer than many an operation."""

TOLERANCE = 1e-5
"""Relative; on a CPU the gradients are the same to the bit."""

PAIR: tuple[Conversation, Conversation] = (
    ({"role": "user", "content": "Name a tree."}, {"role": "assistant", "content": "Oak."}),
    ({"role": "user", "content": "Name a tree."}, {"role": "assistant", "content": "I would rather not."}),
)


def what_again(
    model: Any, encoder: ConversationEncoder, form: BatchForm, options: TrainOptions, device_type: str
) -> Again:
    """What training on such a device computes again.

    ``ConfigError`` where ``selective_checkpointing`` on cannot be had; ``auto`` says so and does without.
    """
    if options.gradient_checkpointing:
        return "all"
    wanted = options.selective_checkpointing
    if wanted == "off":
        return "nothing"
    if wanted == "auto" and output_layer(core_of(model)).in_features < NARROW:
        return "nothing"
    on_cpu = device_type == "cpu"
    reason = why_not_selective(model, encoder, form) if on_cpu else "it is for CPUs; see `gradient_checkpointing`."
    if reason is None:
        return "cheap"
    if wanted == "on":
        raise ConfigError(f"`selective_checkpointing` on: {reason}")
    if on_cpu:
        say(f"All activations are kept: {reason}")
    return "nothing"


@contextmanager
def recomputed_blocks(model: Any, again: Again) -> Iterator[None]:
    """Within it, each block of a transformer keeps less. Gradients are the same to the bit on a CPU.

    transformers' own switch makes the embeddings' output require a gradient, so that frozen lower blocks would be
    differentiated too; this one does not. ``ConfigError`` where the model keeps its blocks in no list.
    """
    if again == "nothing":
        yield
        return
    blocks = transformer_blocks(model)
    if blocks is None:
        raise ConfigError(f"`gradient_checkpointing`: {type(model).__name__} has no list of blocks.")
    contexts = partial(create_selective_checkpoint_contexts, DEAR) if again == "cheap" else noop_context_fn
    for block in blocks:
        block.forward = partial(_recomputed, block.forward, contexts)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward  # the one of its class shows again


def why_not_selective(model: Any, encoder: ConversationEncoder, form: BatchForm) -> str | None:
    """None, or the reason why a model on a CPU cannot keep matrix products alone."""
    name = type(model).__name__
    if transformer_blocks(model) is None:
        return f"{name} has no list of blocks."
    inputs = form.inputs(encoder.encode_samples(PAIR))
    was_training = model.training
    try:
        model.eval()
        expected = _gradients(model, inputs, "nothing")
        found = _gradients(model, inputs, "cheap")
    except RuntimeError as error:  # PyTorch's own word where it does notice
        return f"{name}: {(str(error) or type(error).__name__).splitlines()[0]}."
    finally:
        model.train(was_training)
    if torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE * float(expected.max()), equal_nan=True):
        return None
    return f"{name} gets other gradients when parts of it are computed again."


def _gradients(model: Any, inputs: ModelInputs, again: Again) -> torch.Tensor:
    """Norm and sum of the gradient in each parameter that is trained: two numbers, so that no second copy is held."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with recomputed_blocks(model, again):
        chosen, rejected = rewards_of(model, inputs)
        reward = chosen - rejected / 2  # the gap would have no gradient where truncation leaves nothing between the two
        gradients = torch.autograd.grad(reward, trained, allow_unused=True, materialize_grads=True)
    return torch.stack([number for gradient in gradients for number in (gradient.norm(), gradient.sum())])


def _recomputed(forward: Callable[..., Any], contexts: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The second run sees the context variables of the first, whatever was computed in between: dropout's tokens."""
    run = partial(copy_context().run, forward)
    return checkpoint(run, *arguments, use_reentrant=False, context_fn=contexts, **named)
