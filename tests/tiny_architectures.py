"""Tiny random models of many architectures, with tokenizers made on the fly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoModel,
    BertConfig,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    RobertaConfig,
)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
STRICT_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<|{{ m['role'] }}|>{{ m['content'] | trim }}<|end|>\n{% endfor %}"
)
ROLE_TOKENS = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>")

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
DECODERS = {
    "llama": lambda ids: LlamaConfig(**SIZES, **ids, num_key_value_heads=2),
    "mistral": lambda ids: MistralConfig(**SIZES, **ids, num_key_value_heads=2, sliding_window=16),
    "qwen3": lambda ids: Qwen3Config(**SIZES, **ids, num_key_value_heads=2, head_dim=8),
    "gemma": lambda ids: GemmaConfig(**SIZES, **ids, num_key_value_heads=1, head_dim=8),
    "gpt2": lambda ids: GPT2Config(n_embd=32, n_layer=3, n_head=4, n_positions=128, **ids),
}
ENCODERS = {
    "bert": lambda ids: BertConfig(**SIZES, **ids),
    "roberta": lambda ids: RobertaConfig(**{**SIZES, "max_position_embeddings": 130}, **ids, type_vocab_size=1),
}
ARCHITECTURES = (*DECODERS, *ENCODERS)


def byte_tokenizer(pad: str | None = "<pad>", template: str | None = CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    """One token a byte, BOS before a plain text as Llama's tokenizer does; ``pad`` None: padding is left unset."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<unk>", "<s>", "</s>", *([pad] if pad and pad not in ("<s>", "</s>", "<unk>") else []), *ROLE_TOKENS]
    vocabulary = {word: index for index, word in enumerate([*words, *alphabet, "\u0120the"])}
    backend = Tokenizer(models.BPE(vocabulary, merges=[], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token=pad
    )
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in ROLE_TOKENS])
    tokenizer.chat_template = template
    return tokenizer


def gpt2_tokenizer() -> PreTrainedTokenizerFast:
    """Like GPT-2's: one special token, which is BOS, EOS and the unknown token at once, and no template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: index for index, word in enumerate([*alphabet, "\u0120the", "<|endoftext|>"])}
    backend = Tokenizer(models.BPE(vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=end, eos_token=end, unk_token=end)


def encoder_tokenizer(doubled_separator: bool = False) -> PreTrainedTokenizerFast:
    """BERT's two segments, or RoBERTa's with two separators in the middle and no token types."""
    specials = ["<pad>", "[CLS]", "[SEP]", "[UNK]"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: index for index, word in enumerate([*specials, *alphabet])}
    backend = Tokenizer(models.BPE(vocabulary, merges=[], unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    pair = "[CLS] $A [SEP] [SEP] $B [SEP]" if doubled_separator else "[CLS] $A [SEP] $B:1 [SEP]:1"
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    inputs = ["input_ids", *([] if doubled_separator else ["token_type_ids"]), "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        pad_token="<pad>",
        model_input_names=inputs,
    )


def tokenizer_for(architecture: str) -> PreTrainedTokenizerFast:
    """A tokenizer of the kind that an architecture usually comes with."""
    if architecture in ENCODERS:
        return encoder_tokenizer(doubled_separator=architecture == "roberta")
    return gpt2_tokenizer() if architecture == "gpt2" else byte_tokenizer()


def save_tiny_model(folder: Path, architecture: str, tokenizer: Any = None, seed: int = 0) -> Path:
    """A random trunk of three layers with its tokenizer, as a Hugging Face folder."""
    tokenizer = tokenizer or tokenizer_for(architecture)
    ids = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if architecture in DECODERS:
        ids |= {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = {**DECODERS, **ENCODERS}[architecture](ids)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(config)
        for parameter in model.parameters():  # large enough for layers to matter
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def conversation(prompt: str, response: str) -> list[dict[str, str]]:
    """One turn and its response."""
    return [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]


CONVERSATIONS = [
    conversation("Say hi.", "Hi!"),
    conversation("Why is the sky blue?", "Because short waves scatter more, and that is what one sees."),
    conversation("\U0001f600 na\u00efve?", "Oui \u2014 tr\u00e8s."),
    [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}, *conversation("C?", "D, of course.")],
]
