"""Fields of a chat request that a server does not know are left out, where that changes nothing of what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rewardsmith.artifacts.terminal.progress import say
from rewardsmith.errors import RefusedError
from rewardsmith.models.chat_endpoint import ChatEndpoint

NEWER = "max_completion_tokens"
"""Name of ``max_tokens`` at some servers."""


class WillingEndpoint:
    """An endpoint with the fields that go with every request.

    ``optional``: fields that a server may not know, and what each may be to be left out then; None: anything.
    """

    def __init__(self, endpoint: ChatEndpoint, fields: Mapping[str, Any], optional: Mapping[str, Any]) -> None:
        self._endpoint, self._fields, self._optional = endpoint, dict(fields), optional
        self.given = dict(fields)
        """What goes with every request, whatever the server turns out not to know."""
        self._unknown: set[str] = set()

    @property
    def base_url(self) -> str:
        return self._endpoint.base_url

    def complete(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer, as by ``ChatEndpoint.complete``; asked without what the server has turned out not to know."""
        while True:
            fields = {**self._fields, **asked}
            body = {name: value for name, value in fields.items() if name not in self._unknown}
            try:
                return self._endpoint.complete(body)
            except RefusedError as error:
                if not self._goes_without(str(error), body):
                    raise

    def close(self) -> None:
        self._endpoint.close()

    def _goes_without(self, refusal: str, body: Mapping[str, Any]) -> bool:
        """Whether a refusal names a field that may be missing; it is left out, or has its newer name, from now on."""
        named = [name for name in body if re.search(rf"\b{name}\b", refusal)]
        if "max_tokens" in named and NEWER in refusal:
            self._fields[NEWER] = self._fields["max_tokens"]
            self._unknown.add("max_tokens")
            return True
        dropped = [name for name in named if name in self._optional and self._optional[name] in (None, body[name])]
        if new := [name for name in dropped if name not in self._unknown]:
            self._unknown.update(new)
            say(f"{self.base_url} does not take {', '.join(new)}: left out from now on.")
        return bool(dropped)
