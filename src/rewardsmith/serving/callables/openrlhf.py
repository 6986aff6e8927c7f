"""A reward function of OpenRLHF: ``reward_func`` of the file that ``--reward.remote_url`` names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from threading import Lock
from typing import Any

import torch

from rewardsmith.errors import DataError
from rewardsmith.models.loading.embedded import resolve_model
from rewardsmith.models.loading.reward_models import load_tokenizer
from rewardsmith.preferences.rows.messages import is_message_list
from rewardsmith.serving.callables.reward_model import SPREAD, RewardModel, batch_row

_reading = Lock()


class OpenRLHFReward:
    """Rewards of queries: the text of a prompt and its response, special tokens included.

    A response is what follows its prompt in the policy's own spelling, without the special tokens at its end. A prompt
    is the list of messages that its label holds; without one it is a single turn of the user, and then no chat
    template may have written it.
    """

    def __init__(self, model: RewardModel, policy: str) -> None:
        self._model, self._policy = model, policy
        self.__name__ = "reward_func"

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: Any
    ) -> dict[str, Any]:
        with _reading:  # OpenRLHF asks in many threads, and tokenizers are not made for them
            spelling = _spelling(self._policy)
            answered = [
                (_prompt(prompt, label, spelling, row), spelling.response(query, prompt, row))
                for row, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
            ]
        found = self._model.rewards(answered)
        rewards = torch.from_numpy(found.rewards)
        spread = {} if found.spread is None else {SPREAD: torch.from_numpy(found.spread)}
        return {"rewards": rewards, "scores": rewards, "extra_logs": spread}


class Spelling:
    """How a policy's tokenizer writes texts."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = (str(token) for token in tokenizer.added_tokens_decoder.values() if token.special)
        self.special = tuple(filter(None, {*tokenizer.all_special_tokens, *added}))

    def response(self, query: str, prompt: str, row: int) -> str:
        """What ``query`` has after ``prompt``, up to the special tokens that end it."""
        tokens = self._tokenizer(text=prompt, add_special_tokens=False)["input_ids"]
        begin: str = self._tokenizer.decode(tokens, skip_special_tokens=False)
        if not query.startswith(begin):
            raise DataError(
                f"{batch_row(row)}: its query does not begin with its prompt. Either OpenRLHF cut the "
                "prompt (`--data.max_len`, `--rollout.max_new_tokens`), or `policy_name_or_path` is another policy."
            )
        response = query.removeprefix(begin)
        while end := next(filter(response.endswith, self.special), None):
            response = response.removesuffix(end)
        return response


@cache
def _spelling(policy: str) -> Spelling:
    return Spelling(load_tokenizer(resolve_model(policy)))


def _prompt(prompt: str, label: Any, spelling: Spelling, row: int) -> object:
    if isinstance(label, list) and is_message_list(label):
        if label[-1].get("role") == "assistant":
            raise DataError(f"{batch_row(row)}: its label is to be a prompt, and ends with a turn of the assistant.")
        return label
    if written := next(filter(prompt.__contains__, spelling.special), None):
        raise DataError(
            f"{batch_row(row)}: a chat template wrote its prompt (it holds {written}); messages cannot be read back "
            "from that. Let `--data.label_key` name the column that `--data.input_key` names, a list of messages."
        )
    return prompt
