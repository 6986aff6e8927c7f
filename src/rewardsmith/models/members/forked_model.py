"""An ensemble in one model: a frozen trunk up to a block, and above it every member's own low-rank updates and head.

Below the fork a batch is computed once. There its hidden states are repeated for every member, [R, T, D] to [M * R, T,
D], and go on through the same blocks, whose linear layers tell the members apart by row. Members do not influence one
another: each gives the rewards, and gets the gradients, of a peft model of its own.

A decoder's reward is read where conversations end. Nothing reads what its last block's MLP makes of other tokens, so
those are left out of it: with few blocks above the fork, a good part of all work. An encoder's is read at the first
token where BERT's pooler reads it, and all that follows the last attention is done for that token alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from rewardsmith.errors import ModelError
from rewardsmith.models.layers.blocks import num_layers, transformer_blocks
from rewardsmith.models.layers.heads import (
    exact_products,
    has_score_head,
    head_names,
    initialise_head,
    output_layer,
    reads_first_token,
)
from rewardsmith.models.loading.lora import pooler_names
from rewardsmith.models.members.layers import MemberDense, MemberLinear, Members
from rewardsmith.models.options import LoraOptions

CHECK_TOLERANCE = 1e-3


@runtime_checkable
class BatchInputs(Protocol):
    """What a batch has to offer here; padded and packed ones do."""

    @property
    def num_rows(self) -> int: ...

    def arguments(self) -> dict[str, Any]: ...

    def last(self, hidden: Tensor) -> Tensor: ...


class _ReachedForkError(Exception):
    """Ends a forward pass where the members part."""


class ForkedModel(nn.Module):
    """M reward models that share what is below block ``layer``. Made by ``fork``."""

    def __init__(self, model: Any, blocks: list[nn.Module], layer: int, members: Members) -> None:
        super().__init__()
        self.model = model
        """The sequence-classification model, with the layers of the members in it."""
        self.layer = layer
        self.members = members
        self.first_only = False
        """What follows the last block's attention is computed for the first token alone: an encoder's rewards are the
        same, which ``fork`` tries out."""
        self._blocks = blocks  # a plain list: they are registered in the model already

    def train(self, mode: bool = True) -> ForkedModel:
        """Stays in evaluation mode: what lies below the fork is the same in every pass."""
        return super().train(False)

    @property
    def num_members(self) -> int:
        return self.members.total

    @property
    def member_parameters(self) -> dict[str, nn.Parameter]:
        """All that is trained, by name; the first axis is the member."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    @torch.no_grad()
    def set_heads(self, heads: Float[Tensor, "M D"]) -> None:
        """Gives the members' reward layers these weights, and no bias."""
        layer = next(m for m in self.model.modules() if isinstance(m, MemberDense) and m.weight.shape[1] == 1)
        layer.weight.copy_(heads[:, None])
        if layer.bias is not None:
            layer.bias.zero_()

    @torch.no_grad()
    def begin_alike(self) -> None:
        """Lets all members begin where the first does, so that they differ by what they learn alone."""
        for parameter in self.member_parameters.values():
            parameter.copy_(parameter[:1].expand_as(parameter))

    def forward(
        self,
        inputs: BatchInputs,
        chosen: Int[Tensor, " m"] | None = None,
        states: Float[Tensor, "R T D"] | None = None,
    ) -> Float[Tensor, "m N"]:
        """Rewards of the chosen members (None: all), float32. ``states``: what ``lower_states`` gave for this batch."""
        states = self.lower_states(inputs) if states is None else states
        self.members.chosen = chosen
        try:
            if not has_score_head(self.model):
                with self._from_fork(states, inputs.num_rows), self._after_attention_first_only():
                    logits: Tensor = self.model(**inputs.arguments()).logits
                return logits.view(self.members.count, -1).float()
            last = self.last_states(inputs, states)
            with torch.autocast(device_type=last.device.type, enabled=False), exact_products():
                rewards: Tensor = self.model.score(last.float())
            return rewards[..., 0]
        finally:
            self.members.chosen = None

    def last_states(self, inputs: BatchInputs, states: Float[Tensor, "R T D"]) -> Float[Tensor, "m N D"]:
        """What the heads of a decoder read: the trunk's output at the end of each conversation."""
        with self._from_fork(states, inputs.num_rows), self._mlp_at_ends(inputs, states.shape[:2]):
            hidden = _run_trunk(self.model, inputs)
        return inputs.last(hidden.view(self.members.count, -1, *hidden.shape[1:]))

    @torch.no_grad()
    def lower_states(self, inputs: BatchInputs) -> Float[Tensor, "R T D"]:
        """Hidden states that enter block ``layer``: the same for all members, and in every epoch."""
        found: list[Tensor] = []

        def stop(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            found.append(arguments[0] if arguments else named["hidden_states"])
            raise _ReachedForkError

        handle = self._blocks[self.layer].register_forward_pre_hook(stop, with_kwargs=True)
        try:
            _run_trunk(self.model, inputs)
        except _ReachedForkError:
            pass
        finally:
            handle.remove()
        return found[0]

    @contextmanager
    def _from_fork(self, states: Tensor, num_rows: int) -> Iterator[None]:
        """Lets the trunk's own forward pass begin at the fork, with a row for every member."""
        repeated: dict[int, tuple[Any, Any]] = {}  # keeps what it repeated, so that no other gets its address

        def for_members(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(for_members(item) for item in value)
            if not isinstance(value, Tensor) or value.ndim < 2 or len(value) != num_rows or num_rows == 1:
                return value  # one row, or none of the batch's: what broadcasts stays as it is
            if id(value) not in repeated:
                repeated[id(value)] = value, _repeat(value, self.members.count)
            return repeated[id(value)][1]

        def enter(block: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            hidden = arguments[0] if arguments else named["hidden_states"]
            if block is self._blocks[self.layer]:
                hidden = _repeat(states, self.members.count)
            others = {name: for_members(value) for name, value in named.items() if name != "hidden_states"}
            return (hidden, *map(for_members, arguments[1:])), others

        handles = [block.register_forward_pre_hook(enter, with_kwargs=True) for block in self._blocks[self.layer :]]
        for block in self._blocks[: self.layer]:
            block.forward = _pass_on
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            for block in self._blocks[: self.layer]:
                del block.forward  # the class's own is found again

    @contextmanager
    def _after_attention_first_only(self) -> Iterator[None]:
        """Leaves all tokens but the first out of what follows the last block's attention, where no other is read."""
        output = getattr(getattr(self._blocks[-1], "attention", None), "output", None)
        if not self.first_only or not isinstance(output, nn.Module):
            yield
            return
        # Its arguments are what attention gives and what entered the block, [R, T, D] both.
        handle = output.register_forward_pre_hook(lambda _, arguments: tuple(value[:, :1] for value in arguments))
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def _mlp_at_ends(self, inputs: BatchInputs, shape: torch.Size) -> Iterator[None]:
        """Leaves tokens that end no conversation out of the last block's MLP, where a module is called so."""
        mlp = getattr(self._blocks[-1], "mlp", None)
        if not isinstance(mlp, nn.Module):
            yield
            return
        places = torch.arange(shape.numel(), device=next(self.parameters()).device)
        ends = torch.unique(inputs.last(places.view(*shape, 1)))  # equal conversations end at one place
        count = self.members.count

        def gather(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return (arguments[0].view(count, -1, arguments[0].shape[-1]).index_select(1, ends), *arguments[1:])

        def scatter(_: nn.Module, __: tuple[Tensor, ...], output: Any) -> Any:
            if isinstance(output, tuple):  # of experts, with the router's scores
                return (scatter(mlp, (), output[0]), *output[1:])
            spread = output.new_zeros(count, shape.numel(), output.shape[-1])
            return spread.index_copy(1, ends, output).view(-1, shape[1], output.shape[-1])

        handles = [mlp.register_forward_pre_hook(gather), mlp.register_forward_hook(scatter)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def fork(
    model: Any, layer: int, num_members: int, options: LoraOptions, seed: int = 0, instead: str = "`ensemble` full"
) -> ForkedModel:
    """Forks a reward model at block ``layer`` (0: at the embedding), in place: all of it but the members is frozen.

    Adapters begin without effect, heads as ``initialise_head`` draws them from ``seed + m``. ``ModelError`` for a model
    whose blocks are not found or do not take the rows of all members; it advises what to use ``instead``.
    """
    name, found_blocks = type(model).__name__, transformer_blocks(_trunk(model))
    if found_blocks is None:
        raise ModelError(f"{name} keeps its blocks in a form that cannot be forked; use {instead}.")
    blocks = list(found_blocks)
    if not 0 <= layer < len(blocks):
        raise ModelError(f"`fork_layer` {layer}: {name} has {len(blocks)} blocks; use 0 to {len(blocks) - 1}.")
    if num_members < 1 or options.lora_r < 1:
        raise ModelError(f"`num_members` {num_members} and `lora_r` {options.lora_r} must be at least 1.")
    if options.lora_dropout:
        raise ModelError(f"`lora_dropout` {options.lora_dropout}: forked members have none; use 0.")
    model.requires_grad_(False).eval()
    check = _CheckInputs(model)
    expected = check.plain()
    members = Members(num_members)
    _add_adapters(blocks[layer:], options, members, seed)
    may_read_first_only = reads_first_token(model)
    _add_heads(model, members, seed)
    forked = ForkedModel(model, blocks, layer, members)
    with torch.no_grad():
        found = forked.last_states(check, forked.lower_states(check))
        if not _close(found, expected):
            raise ModelError(f"{name} gives other hidden states for several members than for one; use {instead}.")
        if may_read_first_only:
            rewards = forked(check)
            forked.first_only = True
            forked.first_only = _close(forked(check), rewards)
    return forked


def _close(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() <= CHECK_TOLERANCE * expected.abs().max())


def default_fork_layer(config: Any) -> int:
    """Blocks below the fork unless told otherwise: three quarters."""
    layers = num_layers(config)
    return layers - max(1, round(layers / 4))


def _trunk(model: Any) -> Any:
    return getattr(model, model.base_model_prefix)


def _run_trunk(model: Any, inputs: BatchInputs) -> Tensor:
    """Hidden states of all rows; decoders would keep keys and values for generation unless told not to."""
    keeps = getattr(model.config.get_text_config(), "use_cache", None) is not None
    hidden: Tensor = _trunk(model)(**inputs.arguments(), **({"use_cache": False} if keeps else {})).last_hidden_state
    return hidden


def _repeat(value: Tensor, count: int) -> Tensor:
    """The rows once for every member, one member after the other; no copy of a single row."""
    return value.expand(count, *value.shape).flatten(0, 1)


def _pass_on(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states


def _add_adapters(blocks: Sequence[nn.Module], options: LoraOptions, members: Members, seed: int) -> None:
    wanted = {name.strip() for name in options.lora_target_modules.split(",")}
    generators = [torch.Generator().manual_seed(seed + member) for member in range(members.total)]
    num_found = 0
    for block in blocks:
        for name, layer in list(block.named_modules()):
            is_linear = isinstance(layer, (nn.Linear, Conv1D))
            if is_linear and (wanted == {"all-linear"} or name.rpartition(".")[2] in wanted):
                adapted = MemberLinear(layer, members, options.lora_r, options.lora_alpha, generators)
                block.set_submodule(name, adapted)
                num_found += 1
    if not num_found:
        raise ModelError(
            f"`lora_target_modules` {options.lora_target_modules}: no linear layer above the fork is called so."
        )


def _add_heads(model: Any, members: Members, seed: int) -> None:
    """Copies of the linear layers of head and pooler; the reward's own weights are drawn for every member."""
    output = output_layer(model)
    drawn = []
    for member in range(members.total):
        initialise_head(model, seed + member)
        drawn.append(output.weight.detach().clone())
    for head in head_modules(model):
        for name, layer in list(model.get_submodule(head).named_modules(prefix=head)):
            if isinstance(layer, nn.Linear):
                dense = MemberDense(layer, members)
                if layer is output:
                    dense.weight.data.copy_(torch.stack(drawn))
                model.set_submodule(name, dense)


def head_modules(model: Any) -> list[str]:
    """Names of the modules that every member has a copy of."""
    return [*head_names(model), *(f"{model.base_model_prefix}.{name}" for name in pooler_names(model))]


class _CheckInputs:
    """Two short rows of different length, to see whether a model can be forked."""

    num_rows = 2

    def __init__(self, model: Any) -> None:
        device = next(model.parameters()).device
        ids = torch.arange(12, device=device).view(2, 6) % int(model.config.get_text_config().vocab_size)
        mask = torch.ones_like(ids)
        mask[1, 4:] = 0
        self._arguments = {"input_ids": ids, "attention_mask": mask}
        self._model = model

    def arguments(self) -> dict[str, Any]:
        return dict(self._arguments)

    def last(self, hidden: Tensor) -> Tensor:
        return hidden[..., [0, 1], [5, 3], :]

    @torch.no_grad()
    def plain(self) -> Tensor:
        """Hidden states [2, D] at the ends of the rows, before there are members."""
        return self.last(_run_trunk(self._model, self))
