"""The doctor's checks of a model: a sound model passes, and each fault is found by the check that is there for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rewardsmith.engine.doctor import model_checks
from rewardsmith.engine.doctor.check import Check
from rewardsmith.engine.doctor.model_checks import ModelUnderTest, check_model
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.models.loading.starting import new_reward_model
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded
from tiny_reward_models import tiny_tokenizer


def sound_model(folder: Path) -> ModelUnderTest:
    source = resolve_model(str(folder))
    tokenizer = load_tokenizer(source)
    return ModelUnderTest(new_reward_model(source, tokenizer, seed=0), ConversationEncoder(tokenizer, 128))


def by_name(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.mark for check in checks}


def test_sound_model_passes_everything(tiny_llama: Path) -> None:
    test = sound_model(tiny_llama)
    checks = check_model(test.model, test.encoder.tokenizer, 128)
    assert by_name(checks) == dict.fromkeys(by_name(checks), "ok")
    assert len(checks) == 10 and all(check.sentence.endswith(".") for check in checks)


def test_head_that_reads_nothing_fails_the_swap(tiny_llama: Path) -> None:
    test = sound_model(tiny_llama)
    torch.nn.init.zeros_(test.model.score.weight)
    assert model_checks.check_swap(test).mark == "fail"


def test_reward_that_depends_on_its_place_in_the_batch_fails_the_swap(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = sound_model(tiny_llama)
    rewards = test.rewards
    monkeypatch.setattr(test, "rewards", lambda encoded: rewards(encoded) + torch.arange(len(encoded)) ** 2)
    assert model_checks.check_swap(test).mark == "fail"


def test_reward_that_depends_on_batch_mates_is_found(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = sound_model(tiny_llama)
    rewards = test.rewards
    monkeypatch.setattr(test, "rewards", lambda encoded: rewards(encoded) + 0.01 * len(encoded))
    assert model_checks.check_batch_size(test).mark == "fail"


def test_reward_read_at_the_padding_is_found(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = sound_model(tiny_llama)

    def last_column(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        hidden = model.model(input_ids=batch["input_ids"]).last_hidden_state
        return torch.as_tensor(model.score(hidden[:, -1])[:, 0])

    monkeypatch.setattr(model_checks, "compute_rewards", last_column)
    assert model_checks.check_padding_amount(test).mark == "fail"
    assert model_checks.check_padding_side(test).mark == "fail"


def test_padding_with_the_end_of_turn_is_found(tiny_llama: Path) -> None:
    test = sound_model(tiny_llama)
    test.model.config.pad_token_id = test.encoder.tokenizer.eos_token_id
    check = model_checks.check_pad_token(test)
    assert check.mark == "fail" and "'</s>' pads and can also end a conversation" in check.sentence


def test_positions_counted_from_the_padding_are_worth_a_warning(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2Model

    tokenizer = tiny_tokenizer()
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=2, n_positions=256)
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    GPT2Model(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert model_checks.check_padding_side(sound_model(tmp_path)).mark == "warn"


def test_two_bos_tokens_are_found(tiny_llama: Path) -> None:
    test = sound_model(tiny_llama)
    bos = test.encoder.tokenizer.bos_token_id

    def with_two(item: Encoded) -> Encoded:
        return Encoded([bos, bos, *item.input_ids], item.response_start + 2, item.response_end + 2, 0)

    test.chosen, test.rejected = ([with_two(item) for item in side] for side in (test.chosen, test.rejected))
    check = model_checks.check_bos(test)
    assert check.mark == "fail" and "begin with 2 '<s>'" in check.sentence


def test_missing_end_of_turn_is_found(tiny_llama: Path) -> None:
    test = sound_model(tiny_llama)
    test.chosen = [Encoded(e.input_ids[:-1], e.response_start, e.response_end, 0) for e in test.chosen]
    assert model_checks.check_end(test).mark == "fail"


def test_template_with_the_date_is_worth_a_warning(tiny_llama: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{{ strftime_now('%d %b %Y') }}{% for m in messages %}{{ m['content'] }}</s>{% endfor %}"
    test = sound_model(tiny_llama)
    test.encoder = ConversationEncoder(tokenizer, 128)
    assert model_checks.check_date(test).mark == "warn"


def test_weights_that_do_not_survive_saving_are_found(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test = sound_model(tiny_llama)
    save = model_checks.save_reward_model

    def forgetful(model: Any, tokenizer: Any, path: str, extra: dict[str, Any]) -> None:
        kept = model.score.weight.detach().clone()
        model.score.weight.data.mul_(2)
        save(model, tokenizer, path, extra)
        model.score.weight.data.copy_(kept)

    monkeypatch.setattr(model_checks, "save_reward_model", forgetful)
    assert model_checks.check_reload(test).mark == "fail"


def test_lora_without_its_head_is_found(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_lora = model_checks.add_lora

    def headless(model: Any, options: Any) -> Any:
        tuned = add_lora(model, options)
        for name, parameter in tuned.named_parameters():
            parameter.requires_grad_("lora_" in name)
        return tuned

    monkeypatch.setattr(model_checks, "add_lora", headless)
    check = model_checks.check_lora(sound_model(tiny_llama))
    assert check.mark == "fail" and "the head does not learn" in check.sentence
