"""Every exception a user can meet, as one tree.

``InputError`` means that what the user gave was wrong (exit status 2); every other ``RewardsmithError`` means that
the run itself failed (exit status 1). Messages say what is wrong, the value, where, and what to do.
"""

from __future__ import annotations


class RewardsmithError(Exception):
    """Base of every error this package raises on purpose."""

    exit_code = 1


class InputError(RewardsmithError):
    """What the user gave cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """An option, or a combination of options, is not valid."""


class DataError(InputError):
    """A preference set cannot be read, or is not enough for what was asked."""


class ModelError(InputError):
    """A model, tokenizer or head cannot be found, loaded or used as asked."""


class RefusedError(ModelError):
    """A chat template or tokenizer does not take a conversation. Where rows are read, theirs are quarantined."""


class OutputError(InputError):
    """An output folder is in the way, incomplete, or does not match its inputs."""


class RunError(RewardsmithError):
    """A run that started well could not be finished."""


class InternalError(RewardsmithError):
    """This package broke a promise of its own: a bug."""
