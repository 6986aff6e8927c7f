"""Members of a forked model against peft models of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from rewardsmith.engine.batches.batch_forms import BatchForm, batch_form
from rewardsmith.engine.batches.model_inputs import ModelInputs
from rewardsmith.engine.batches.reward_module import rewards_of
from rewardsmith.errors import ModelError
from rewardsmith.models.layers.heads import initialise_head
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_reward_model, load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.models.members.folders import save_member, save_members, save_merged_member
from rewardsmith.models.members.forked_model import ForkedModel, default_fork_layer, fork
from rewardsmith.models.members.layers import MemberDense, MemberLinear, Members
from rewardsmith.models.options import LoraOptions
from rewardsmith.tokens.encoding import ConversationEncoder
from tiny_architectures import ARCHITECTURES, CONVERSATIONS, save_tiny_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"  # peft calls transformers' old name
)

NUM_MEMBERS = 3
RANK = 4
EXTRA = {"max_length": 96}


class Case:
    """A tiny model forked above its first block or two, a batch, and the parts they were made from."""

    def __init__(self, folder: Path, architecture: str, layer: int = 1, packing: str = "auto") -> None:
        source = resolve_model(str(save_tiny_model(folder, architecture)))
        self.tokenizer = load_tokenizer(source)
        self.encoder = ConversationEncoder(self.tokenizer, 96)
        model = new_reward_model(source, self.tokenizer)
        self.form: BatchForm = batch_form(model, self.encoder, packing)  # type: ignore[arg-type]
        self.forked: ForkedModel = fork(model, layer, NUM_MEMBERS, LoraOptions(lora_r=RANK), seed=5)
        self.inputs: ModelInputs = self.form.inputs(self.encoder.encode_many(CONVERSATIONS))

    def shake(self) -> None:
        """Gives every parameter of every member a weight of its own."""
        generator = torch.Generator().manual_seed(0)
        for parameter in self.forked.member_parameters.values():
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)

    def reloaded(self, folder: Path, trainable: bool = False) -> Any:
        """A saved member as peft alone loads it, on padded batches."""
        base = AutoModelForSequenceClassification.from_pretrained(self.forked.model.config.name_or_path, num_labels=1)
        base.config.pad_token_id = self.tokenizer.pad_token_id
        return PeftModel.from_pretrained(base, str(folder), is_trainable=trainable).eval()

    def padded(self) -> ModelInputs:
        model = type("Named", (), {"config": self.forked.model.config})
        return batch_form(model, self.encoder, "off").inputs(self.encoder.encode_many(CONVERSATIONS))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_members_give_the_rewards_of_their_adapter_and_of_their_merged_model(architecture: str, tmp_path: Path) -> None:
    case = Case(tmp_path / "trunk", architecture)
    case.shake()
    with torch.no_grad():
        together = case.forked(case.inputs)
        assert together.shape == (NUM_MEMBERS, len(CONVERSATIONS)) and together.std(0).min() > 1e-3
        names = save_members(case.forked, case.tokenizer, tmp_path / "members", EXTRA)
        for member, name in enumerate(names):
            alone = rewards_of(case.reloaded(tmp_path / "members" / name), case.padded())
            torch.testing.assert_close(together[member], alone, rtol=1e-4, atol=1e-5)
        ours, _, extra = load_reward_model(str(tmp_path / "members" / "02"))
        torch.testing.assert_close(together[2], rewards_of(ours, case.padded()), rtol=1e-4, atol=1e-5)
        assert extra["max_length"] == EXTRA["max_length"]
        save_merged_member(case.forked, 1, case.tokenizer, tmp_path / "merged", EXTRA)
        merged, _, _ = load_reward_model(str(tmp_path / "merged"))
        torch.testing.assert_close(together[1], rewards_of(merged, case.padded()), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(case.forked(case.inputs), together)  # saving leaves it forked


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "bert", "roberta"])
def test_gradients_are_those_of_each_member_alone(architecture: str, tmp_path: Path) -> None:
    case = Case(tmp_path / "trunk", architecture)
    case.shake()
    goal = torch.arange(NUM_MEMBERS * len(CONVERSATIONS)).view(NUM_MEMBERS, -1).float()
    (case.forked(case.inputs) * goal).sum().backward()
    gradients = {name: parameter.grad for name, parameter in case.forked.member_parameters.items()}
    for member in range(NUM_MEMBERS):
        save_member(case.forked, member, case.tokenizer, tmp_path / "member", EXTRA)
        alone = case.reloaded(tmp_path / "member", trainable=True)
        (rewards_of(alone, case.padded()) * goal[member]).sum().backward()
        found = {name: parameter.grad for name, parameter in alone.named_parameters() if parameter.requires_grad}
        assert len(found) == len(gradients)
        for name, gradient in gradients.items():
            assert gradient is not None
            expected = found[peft_name(name, architecture)]
            torch.testing.assert_close(gradient[member], expected, rtol=1e-3, atol=1e-4 * expected.abs().max().item())


def peft_name(name: str, architecture: str) -> str:
    """What peft calls the parameter that a forked model calls ``model.<name>``."""
    if "lora_" in name:
        layer, _, matrix = name.rpartition(".")
        return f"base_model.{layer}.{matrix.replace('lora_a', 'lora_A').replace('lora_b', 'lora_B')}.default.weight"
    for head in ("score", "classifier", "pooler"):
        name = name.replace(f".{head}.", f".{head}.modules_to_save.default.")
    return f"base_model.{name}"


@pytest.mark.parametrize("architecture", ["llama", "bert"])
def test_chosen_members_and_given_states_change_nothing(architecture: str, tmp_path: Path) -> None:
    case = Case(tmp_path, architecture)
    case.shake()
    with torch.no_grad():
        everyone = case.forked(case.inputs)
        states = case.forked.lower_states(case.inputs)
        some = case.forked(case.inputs, torch.tensor([0, 2]), states)
        torch.testing.assert_close(some, everyone[[0, 2]])
        changed = case.forked(case.inputs, None, states + 1.0)
    assert (changed - everyone).abs().max() > 1e-3  # the states given are those that are used


def test_padded_rows_are_repeated_for_every_member(tmp_path: Path) -> None:
    packed, padded = Case(tmp_path / "a", "qwen3"), Case(tmp_path / "b", "qwen3", packing="off")
    assert packed.form.packed and not padded.form.packed
    packed.shake()
    padded.shake()
    with torch.no_grad():
        torch.testing.assert_close(packed.forked(packed.inputs), padded.forked(padded.inputs), rtol=1e-4, atol=1e-5)


def test_nothing_below_the_fork_and_no_frozen_weight_is_trained(tmp_path: Path) -> None:
    case = Case(tmp_path, "llama", layer=2)
    case.shake()
    case.forked(case.inputs).sum().backward()
    names = set(case.forked.member_parameters)
    assert all(".layers.2." in name or ".score." in name for name in names)
    assert {name for name, p in case.forked.named_parameters() if p.grad is not None} == names
    assert not case.forked.lower_states(case.inputs).requires_grad


def test_a_fork_at_the_embedding_and_one_at_the_last_block(tmp_path: Path) -> None:
    for layer in (0, 2):
        case = Case(tmp_path / str(layer), "gpt2", layer)
        case.shake()
        save_member(case.forked, 0, case.tokenizer, tmp_path / "member", EXTRA)
        with torch.no_grad():
            alone = rewards_of(case.reloaded(tmp_path / "member"), case.padded())
            torch.testing.assert_close(case.forked(case.inputs)[0], alone, rtol=1e-4, atol=1e-5)


def test_members_begin_like_peft_and_as_their_seed_says(tmp_path: Path) -> None:
    one, again = Case(tmp_path / "a", "llama").forked, Case(tmp_path / "b", "llama").forked
    for name, parameter in one.member_parameters.items():
        assert torch.equal(parameter, again.member_parameters[name])
        if "lora_a" in name:
            bound = parameter.shape[-1] ** -0.5
            assert 0.9 * bound < parameter.abs().max() <= bound
        if "lora_b" in name:
            assert not parameter.any()
        else:
            assert not torch.equal(parameter[0], parameter[1])


def test_a_wrong_fork_is_refused_by_the_name_of_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, "llama")))
    model = new_reward_model(source, load_tokenizer(source))
    with pytest.raises(ModelError, match="`fork_layer` 3: .* 3 blocks; use 0 to 2"):
        fork(model, 3, 2, LoraOptions())
    with monkeypatch.context() as patch:
        patch.setattr("rewardsmith.models.members.forked_model.transformer_blocks", lambda _: None)
        for advice in ("--ensemble full", "--trainer probe"):
            with pytest.raises(ModelError, match=f"cannot be forked; use {advice}"):
                fork(model, 1, 2, LoraOptions(), instead=advice)
    with pytest.raises(ModelError, match="`lora_dropout` 0.1"):
        fork(model, 1, 2, LoraOptions(lora_dropout=0.1))
    with pytest.raises(ModelError, match="`num_members` 0"):
        fork(model, 1, 0, LoraOptions())
    with pytest.raises(ModelError, match="`lora_target_modules` nonsense"):
        fork(model, 1, 2, LoraOptions(lora_target_modules="nonsense"))


class MeanPooler(torch.nn.Module):
    """Stands where BERT's pooler does, and reads every token."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(size, size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.dense(hidden.mean(dim=1))


def test_only_an_encoder_that_reads_nothing_but_the_first_token_leaves_out_the_others(tmp_path: Path) -> None:
    assert Case(tmp_path / "bert", "bert").forked.first_only
    assert not Case(tmp_path / "llama", "llama").forked.first_only
    source = resolve_model(str(tmp_path / "bert"))
    tokenizer = load_tokenizer(source)
    model = new_reward_model(source, tokenizer)
    model.bert.pooler = MeanPooler(model.config.hidden_size)
    encoder = ConversationEncoder(tokenizer, 96)
    inputs = batch_form(model, encoder).inputs(encoder.encode_many(CONVERSATIONS))
    initialise_head(model, 5)
    with torch.no_grad():
        alone = rewards_of(model.eval(), inputs)
        forked = fork(model, 1, 2, LoraOptions(lora_r=RANK), seed=5)
        torch.testing.assert_close(forked(inputs)[0], alone, rtol=1e-4, atol=1e-5)
    assert not forked.first_only


def test_named_targets_are_the_only_ones(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, "llama")))
    model = new_reward_model(source, load_tokenizer(source))
    forked = fork(model, 1, 2, LoraOptions(lora_target_modules="q_proj, v_proj"))
    adapted = {name.rpartition(".")[2] for name, module in forked.named_modules() if isinstance(module, MemberLinear)}
    assert adapted == {"q_proj", "v_proj"}


def test_the_default_fork_is_three_quarters_up(tmp_path: Path) -> None:
    config = Case(tmp_path, "llama").forked.model.config
    found = []
    for layers in (1, 3, 6, 12, 30):
        config.num_hidden_layers = layers
        found.append(default_fork_layer(config))
    assert found == [0, 2, 4, 9, 22]


def test_member_layers_keep_rows_of_members_apart() -> None:
    members = Members(2)
    dense = MemberDense(torch.nn.Linear(3, 2), members)
    dense.weight.data[1] = 0.0
    rows = torch.randn(4, 5, 3)
    assert dense(rows).shape == (4, 5, 2)
    assert torch.equal(dense(rows)[2:], dense.bias.data[1].expand(2, 5, 2))  # type: ignore[union-attr]
