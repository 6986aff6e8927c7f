"""Messages in the words of the command line: an option that the library calls `max_length` is the flag --max_length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rewardsmith.artifacts.flat_config import leaf_types
from rewardsmith.artifacts.progress import worded
from rewardsmith.errors import RewardsmithError

_NAME = re.compile(r"`(\w+)`")


def with_flags(message: str, config_class: type) -> str:
    """The message with every backticked name of an option, or of its opposite (`no_...`), as a flag."""
    options = leaf_types(config_class)

    def flag(name: re.Match[str]) -> str:
        known = name[1] in options or options.get(name[1].removeprefix("no_")) is bool
        return f"--{name[1]}" if known else name[0]

    return _NAME.sub(flag, message)


@contextmanager
def speaking_in_flags(config_class: type) -> Iterator[None]:
    """Rewords notes, and errors on their way out, while a command with these options runs."""
    try:
        with worded(lambda message: with_flags(message, config_class)):
            yield
    except RewardsmithError as error:
        error.args = (with_flags(str(error), config_class),)
        raise
