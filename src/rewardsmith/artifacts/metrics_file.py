"""``metrics.json``: what it holds is checked against its type (``contracts/metrics``) when written and when read.

That the type matches is a promise of ours: breaking it when writing is a bug; in a file it means another version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails

from rewardsmith.artifacts.atomic import write_json
from rewardsmith.artifacts.manifest import read_manifest
from rewardsmith.errors import InternalError, OutputError, RewardsmithError

METRICS = "metrics.json"

M = TypeVar("M", bound=Mapping[str, Any])

BUG = "This is a bug of rewardsmith: please report it."
_MAX_NAMED = 3


def check_metrics(
    metrics: Mapping[str, Any], kind: type[M], where: str, trouble: type[RewardsmithError], then: str
) -> M:
    """The metrics, which are of the typed dictionary ``kind``: no key is missing, none is unknown, ints are floats.

    Else the error ``trouble``, with the paths of the keys, what was expected there and found; it ends with ``then``.
    """
    try:
        _checker(kind).validate_python(metrics)
    except ValidationError as error:
        found = [_worded(each) for each in error.errors(include_url=False)]
        more = f"; and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        raise trouble(f"{where}: {'; '.join(found[:_MAX_NAMED])}{more}. {then}") from None
    return cast(M, metrics)


def write_metrics(folder: Path, metrics: Mapping[str, Any], kind: type[Any]) -> None:
    """Writes the file. ``InternalError`` where it would hold anything that is not as ``kind`` says."""
    path = folder / METRICS
    check_metrics(metrics, kind, str(path), InternalError, BUG)
    write_json(path, metrics)


def read_metrics(folder: Path, kind: type[M]) -> M:
    """What a finished run wrote. ``OutputError`` where it is not as ``kind`` says: another version made it."""
    path = folder / METRICS
    again = f"Another version of rewardsmith made it: run `{read_manifest(folder)['verb']}` again."
    return check_metrics(json.loads(path.read_text(encoding="utf-8")), kind, str(path), OutputError, again)


@cache
def _checker(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(with_config(ConfigDict(extra="forbid", strict=True))(kind))


def _worded(error: ErrorDetails) -> str:
    """``label_noise.low: expected a valid number, found '0.1'``."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error["loc"]).lstrip(".")
    if error["type"] == "missing":
        return f"{path} is missing"
    if error["type"] == "extra_forbidden":
        return f"{path} is unknown"
    expected = error["msg"].removeprefix("Input should be ")
    found = repr(error["input"])
    return f"{path or 'all of it'}: expected {expected}, found {found if len(found) <= 40 else found[:37] + '...'}"
