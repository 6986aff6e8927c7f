"""The one rule for special tokens: text of data stays text; a special token is only what the chat template wrote.

Whoever writes ``<|im_end|>`` or ``[SEP]`` into a response would otherwise end its turn, or forge one. Texts without
such a string, nearly all of them, are left to the model's own tokenizer. The others go through a copy of it that knows
each special token by a name that no text can hold: what a template wrote is given that name, what data holds is not.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from rewardsmith.errors import ModelError

MARK = re.compile(r"<.+>|\[.+\]", re.DOTALL)
"""What is spelled like this is no word: a vocabulary may hold it, but never for a text."""

Offsets = Sequence[tuple[int, int]]


class Tokens(NamedTuple):
    ids: list[int]
    offsets: Offsets
    """Characters of the text that each token stands for."""


class DataTokenizer:
    """A tokenizer, and the strings in data that it would take for special tokens.

    ``veiled`` text is ready for a template: each such string has given way to a stand-in. ``unveiled`` turns what the
    template made of it into text for ``tokens``.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.is_fast = bool(getattr(tokenizer, "is_fast", False))
        self._nonce = secrets.token_hex(4)

    @cached_property
    def specials(self) -> dict[str, int]:
        """String of each special token -> its id; without ordinary words that somebody called special."""
        known = {str(token): index for index, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        if self.is_fast:
            words = self.tokenizer.backend_tokenizer.model
            return {t: index for t, index in known.items() if MARK.fullmatch(t) or words.token_to_id(t) is None}
        return known | {
            token: self.tokenizer.convert_tokens_to_ids(token) for token in self.tokenizer.all_special_tokens
        }

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest_first = sorted(filter(None, self.specials), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def holds_special(self, value: object) -> bool:
        """Whether a text, or one anywhere in a message, holds the string of a special token."""
        if self._pattern is None:
            return False
        if isinstance(value, str):
            return self._pattern.search(value) is not None
        if isinstance(value, Mapping):
            return any(map(self.holds_special, value.values()))
        return isinstance(value, list | tuple) and any(map(self.holds_special, value))

    def veiled(self, value: Any) -> Any:
        """The same text, message or list of messages with a stand-in for each special string."""
        if isinstance(value, str):
            return value if self._pattern is None else self._pattern.sub(lambda m: self._stand_in(m[0]), value)
        if isinstance(value, Mapping):
            return {key: self.veiled(item) for key, item in value.items()}
        return [self.veiled(item) for item in value] if isinstance(value, list | tuple) else value

    def unveiled(self, text: str) -> str:
        """Rendered text in which special tokens have their secret names, and stand-ins are strings again."""
        if self._pattern is None:
            return text
        return self._parts.sub(lambda m: self._name(m[0]) if m[1] is None else self._strings[int(m[1])], text)

    def tokens(self, texts: Sequence[str], veiled: Sequence[bool]) -> list[Tokens]:
        """Tokens of each text, none added; of the ``veiled`` ones special only where one has its secret name."""
        own = [text for text, is_veiled in zip(texts, veiled, strict=True) if not is_veiled]
        others = [text for text, is_veiled in zip(texts, veiled, strict=True) if is_veiled]
        found, found_veiled = iter(self._own_tokens(own)), iter(self._veiled_tokens(others))
        return [next(found_veiled if is_veiled else found) for is_veiled in veiled]

    def _own_tokens(self, texts: list[str]) -> list[Tokens]:
        if not texts:
            return []
        batch = self.tokenizer(
            texts,
            add_special_tokens=False,
            return_offsets_mapping=self.is_fast,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        offsets = batch["offset_mapping"] if self.is_fast else [()] * len(texts)
        return [Tokens(list(ids), where) for ids, where in zip(batch["input_ids"], offsets, strict=True)]

    def _veiled_tokens(self, texts: list[str]) -> list[Tokens]:
        if not texts:
            return []
        if self.is_fast:
            return [Tokens(e.ids, e.offsets) for e in self._copy.encode_batch(texts, add_special_tokens=False)]
        return [Tokens([token for part in self._names.split(text) for token in self._part(part)], ()) for text in texts]

    def _part(self, part: str) -> list[int]:
        """Tokens of a piece of text, by a tokenizer written in Python."""
        if part in self._ids_by_name:
            return [self._ids_by_name[part]]
        return list(
            self.tokenizer(part, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        )

    @cached_property
    def _strings(self) -> list[str]:
        return list(self.specials)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {string: place for place, string in enumerate(self._strings)}

    def _name(self, string: str) -> str:
        """What the copy calls a special token. Private characters around digits that nobody can guess."""
        return f"\U000f0000{self._nonce}.{self._places[string]}\U000f0001"

    def _stand_in(self, string: str) -> str:
        return f"\U000f0002{self._nonce}.{self._places[string]}\U000f0001"

    @cached_property
    def _parts(self) -> re.Pattern[str]:
        assert self._pattern is not None
        return re.compile(f"\U000f0002{self._nonce}\\.(\\d+)\U000f0001|{self._pattern.pattern}")

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return re.compile(f"(\U000f0000{self._nonce}\\.\\d+\U000f0001)")

    @cached_property
    def _ids_by_name(self) -> dict[str, int]:
        return {self._name(string): index for string, index in self.specials.items()}

    @cached_property
    def _copy(self) -> Tokenizer:
        """The tokenizer with its special tokens under their secret names."""
        state = json.loads(self.tokenizer.backend_tokenizer.to_str())
        state["padding"] = state["truncation"] = None
        names = {string: self._name(string) for string in self.specials}
        added = [{**token, "content": names.get(token["content"], token["content"])} for token in state["added_tokens"]]
        state["added_tokens"] = added
        _rename(state["model"], names)
        copy = Tokenizer.from_str(json.dumps(state))
        for token in added:
            if copy.token_to_id(token["content"]) != token["id"]:
                raise ModelError(
                    f"the tokenizer cannot tell the text {token['content']} from its special token: drop the rows that "
                    "hold it."
                )
        return copy


def _rename(model: dict[str, Any], names: Mapping[str, str]) -> None:
    """Gives entries of a vocabulary other names; what merges into one of them stays in parts."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(piece, piece): index for piece, index in vocabulary.items()}
    else:  # Unigram: pieces with their scores, in the order of their ids
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:
        merges = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
        model["merges"] = [m for m in merges if names.keys().isdisjoint((*m, "".join(m)))]
