"""Whether a model has an embedding for every token that its tokenizer can give."""

from __future__ import annotations

from typing import Any

from rewardsmith.errors import ModelError
from rewardsmith.tokens.encoding import CHECK_CONVERSATIONS, ConversationEncoder


def num_embeddings(model: Any) -> int:
    """Tokens that a model has an embedding for: ids from 0 to one less."""
    return int(model.get_input_embeddings().weight.shape[0])


def refuse_foreign_tokenizer(model: Any, tokenizer: Any, name: str) -> None:
    """Raises ``ModelError`` for a tokenizer that gives ids beyond the embeddings.

    A special token there is no harm while the template does not write it: padding takes another, and data makes none.
    """
    size = num_embeddings(model)
    beyond = {index: token for token, index in tokenizer.get_vocab().items() if index >= size}
    if not beyond:
        return
    special = {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    samples = ConversationEncoder(tokenizer, max_length=1 << 20).encode_samples(CHECK_CONVERSATIONS)
    written = {index for encoded in samples for index in encoded.input_ids}
    wanted = sorted(index for index in beyond if index not in special or index in written)
    if wanted:
        raise ModelError(
            f"{name}: its tokenizer gives {len(wanted)} tokens that the model has no embedding for, the first "
            f"{beyond[wanted[0]]!r} with id {wanted[0]}; the model has {size}. One of the two belongs to another "
            "model: put the tokenizer that it was trained with beside it."
        )
