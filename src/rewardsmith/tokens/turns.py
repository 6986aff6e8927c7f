"""What a policy is given to answer, and the tokens with which it ends its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardsmith.contracts.conversations import Conversation, Message
from rewardsmith.tokens.data_tokenizer import DataTokenizer
from rewardsmith.tokens.encoding import ConversationEncoder, Encoded, layout_of

ANSWER: Message = {"role": "assistant", "content": "a"}


def encode_prompts(tokenizer: Any, prompts: Sequence[Conversation], max_prompt_length: int) -> list[Encoded]:
    """Tokens up to where the answer begins, as the chat template writes them before it; long ones are cut in front.

    ``RefusedError`` where the template does not take one.
    """
    num_behind = len(_sample(tokenizer).input_ids) - _sample(tokenizer).response_start
    encoder = ConversationEncoder(tokenizer, max_prompt_length + num_behind)
    encoded = encoder.encode_many([[*prompt, ANSWER] for prompt in prompts])
    return [Encoded(e.input_ids[: e.response_start], e.response_start, e.response_start, e.num_cut) for e in encoded]


def end_tokens(tokenizer: Any) -> frozenset[int]:
    """Tokens of which each ends an answer: EOS, and the special token with which the chat template ends a turn."""
    sample = _sample(tokenizer)
    special = set(DataTokenizer(tokenizer).specials.values())
    ends = {tokenizer.eos_token_id, *sample.input_ids[sample.response_end : sample.response_end + 1]}
    return frozenset(ends & special)


def response_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """What tokens of a response, less the one that ended it, say behind their prompt."""
    text = str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
    # A plain transcript ends in "Assistant:", and the space behind that belongs to the first token.
    return text.removeprefix(" ") if layout_of(tokenizer) == "plain" else text


def _sample(tokenizer: Any) -> Encoded:
    user: Message = {"role": "user", "content": "a"}
    return ConversationEncoder(tokenizer, 1 << 20).encode_samples([[user, ANSWER]])[0]
