"""Choosing the padding token.

Hugging Face decoders read the reward at the last token that is not ``pad_token_id``. Where padding is also the token
that ends a conversation (often pad = EOS), they silently read one position too early.
"""

from __future__ import annotations

from typing import Any

from rewardsmith.contracts.conversations import Message
from rewardsmith.errors import ModelError
from rewardsmith.tokens.encoding import ConversationEncoder

WORD_MARKS = ("\u0120", "\u2581", "##")


def choose_pad_token(tokenizer: Any, num_embeddings: int | None = None) -> tuple[int, str]:
    """Id and string of an existing token that can never end a conversation, and that the model has an embedding for.

    In this order: the tokenizer's own padding token, a special token with ``pad`` in its name, the unknown token,
    any other special token, and for a vocabulary without one (GPT-2) its last word with a word mark: as a literal
    string that word does not occur in texts, so calling it special changes no tokenisation. BOS, EOS and whatever
    the layout writes last are never chosen.
    """
    ends = conversation_ends(tokenizer)
    vocabulary: dict[str, int] = {
        token: index
        for token, index in tokenizer.get_vocab().items()
        if num_embeddings is None or index < num_embeddings
    }
    specials = [str(token) for token in special_tokens(tokenizer)]
    named = [token for token in specials if "pad" in token.lower()]
    words = sorted((t for t in vocabulary if t.startswith(WORD_MARKS)), key=lambda t: -vocabulary[t])
    rest = sorted(vocabulary, key=lambda t: -vocabulary[t])
    for token in [tokenizer.pad_token, *named, tokenizer.unk_token, *specials, *words, *rest]:
        if token is not None and token in vocabulary and vocabulary[token] not in ends:
            return vocabulary[token], token
    raise ModelError("the tokenizer has no token left to pad with: every one of them can end a conversation.")


def conversation_ends(tokenizer: Any) -> set[int]:
    """Tokens that can be the last of a conversation, and BOS and EOS besides."""
    encoder = ConversationEncoder(tokenizer, max_length=4096)
    sample: list[Message] = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    ends = {encoder.encode_samples([sample])[0].input_ids[-1]}
    return ends | {token for token in (tokenizer.bos_token_id, tokenizer.eos_token_id) if token is not None}


def special_tokens(tokenizer: Any) -> list[str]:
    """Special tokens in order of their ids; those marked special only in the vocabulary file included."""
    added = {index: token for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    listed = {tokenizer.convert_tokens_to_ids(token): token for token in tokenizer.all_special_tokens}
    return [str(token) for _, token in sorted({**listed, **added}.items())]
