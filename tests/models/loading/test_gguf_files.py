"""A GGUF file is converted once: what is read from the cache is what the file says, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from transformers import AutoModelForCausalLM, AutoTokenizer

from rewardsmith.errors import ModelError
from rewardsmith.models.loading import gguf_files
from rewardsmith.models.loading.converted_models import list_converted
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.files import weights_fingerprint
from rewardsmith.models.loading.gguf_files import as_safetensors
from rewardsmith.models.loading.policies import load_policy, save_policy
from rewardsmith.models.loading.reward_models import load_tokenizer, load_trunk
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.encoding import ConversationEncoder, tokens_check
from rewardsmith.workflows.cache import run_cache
from rewardsmith.workflows.options.cache import CacheConfig
from tiny_architectures import CONVERSATIONS
from tiny_gguf import save_tiny_gguf

TOKENS = torch.tensor([[1, 40, 50, 60, 70]])


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REWARDSMITH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return save_tiny_gguf(tmp_path / "tiny.gguf")


def test_weights_and_tokens_are_those_of_the_file(file: Path) -> None:
    there = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    model: Any = AutoModelForCausalLM.from_pretrained(**there, dtype=torch.float32)
    source = resolve_model(str(file))
    policy, tokenizer = load_policy(source)
    expected = model.state_dict()
    assert policy.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in policy.state_dict().items())
    trunk, config = load_trunk(source)
    with torch.no_grad():
        assert torch.equal(policy(TOKENS).logits, model(TOKENS).logits)
        assert torch.equal(trunk(TOKENS).last_hidden_state, model.model(TOKENS).last_hidden_state)
    assert config.rms_norm_eps == model.config.rms_norm_eps and config.rope_parameters == model.config.rope_parameters
    given = AutoTokenizer.from_pretrained(**there)
    assert tokens_check(load_tokenizer(source)) == tokens_check(given)
    encoded, expected_tokens = (ConversationEncoder(found).encode(CONVERSATIONS[1]) for found in (tokenizer, given))
    assert encoded.input_ids == expected_tokens.input_ids
    assert new_reward_model(source, tokenizer).name_or_path == policy.name_or_path == str(file.resolve())


def test_a_file_is_read_once_and_again_where_it_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load_policy(resolve_model(str(file)))
    assert f"{file} was converted, once: 0.4 MB in the cache" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(gguf_files, "_convert", lambda *_: pytest.fail("read again"))
        load_policy(resolve_model(str(file)))
        load_trunk(resolve_model(str(file)))
    assert capsys.readouterr().err == ""
    before = weights_fingerprint(resolve_model(str(file)))
    save_tiny_gguf(file, seed=1)
    load_policy(resolve_model(str(file)))
    assert len(list_converted()) == 2 and weights_fingerprint(resolve_model(str(file))) != before


def test_what_was_converted_is_listed_and_cleared(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_policy(resolve_model(str(file)))
    listed = run_cache(CacheConfig())
    listed.print(Console(width=200))
    assert str(file) in capsys.readouterr().out
    [model] = listed.summary()["models"]
    assert model["num_bytes"] == listed.summary()["num_bytes"] > 0
    assert run_cache(CacheConfig(clear=True)).num_bytes_freed == model["num_bytes"]
    assert list_converted() == [] and not Path(model["path"]).exists()


def test_a_large_file_is_read_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    converted, _ = load_policy(resolve_model(str(file)))
    monkeypatch.setattr(gguf_files, "LARGEST_KEPT", file.stat().st_size - 1)
    source = resolve_model(str(file))
    assert as_safetensors(source) == source
    policy, tokenizer = load_policy(source)
    with torch.no_grad():
        assert torch.equal(policy(TOKENS).logits, converted(TOKENS).logits)
    save_policy(policy, tokenizer, tmp_path / "saved")  # no trace of the quantisation is in the way


def test_a_file_without_all_weights_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_gguf(tmp_path / "half.gguf", without="blk.1.ffn_up.weight")))
    with pytest.raises(ModelError, match=r"half\.gguf is no language model: its file lacks model\.layers\.1\.mlp\.up"):
        load_policy(source)
    assert list_converted() == []


def test_a_tokenizer_that_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    source = resolve_model(str(save_tiny_gguf(tmp_path / "torn.gguf", merges=["t h", "h zz"])))
    with pytest.raises(ModelError, match=r"the model of .*torn\.gguf cannot be loaded: .* `zz` out of vocabulary"):
        load_policy(source)


def test_two_processes_may_convert_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = gguf_files._convert

    def twice(source: Any, folder: Path) -> None:
        convert(source, folder)  # another process was faster
        convert(source, folder)

    monkeypatch.setattr(gguf_files, "_convert", twice)
    load_policy(resolve_model(str(file)))
    assert len(list_converted()) == 1
