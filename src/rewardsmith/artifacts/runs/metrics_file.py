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

from rewardsmith.artifacts.files.atomic import json_text, write_json
from rewardsmith.artifacts.runs.manifest import read_manifest
from rewardsmith.errors import InternalError, OutputError

METRICS = "metrics.json"

M = TypeVar("M", bound=Mapping[str, Any])

_MAX_NAMED = 3


def check_metrics(metrics: Mapping[str, Any], kind: type[Any], where: str) -> None:
    """``InternalError`` unless they are as the typed dictionary ``kind`` says, with the keys that are not.

    No key may be missing or unknown; an int is a float too.
    """
    if trouble := _trouble(json.loads(json_text(metrics, where=where)), kind):
        raise InternalError(f"{where}: {trouble}. This is a bug of rewardsmith: please report it.")


def write_metrics(folder: Path, metrics: Mapping[str, Any], kind: type[Any]) -> None:
    """Writes the file. ``InternalError`` as by ``check_metrics``."""
    check_metrics(metrics, kind, str(folder / METRICS))
    write_json(folder / METRICS, metrics)


def read_metrics(folder: Path, kind: type[M]) -> M:
    """What a finished run wrote. ``OutputError`` where it is not as ``kind`` says: another version made it."""
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    if trouble := _trouble(metrics, kind):
        verb = read_manifest(folder)["verb"]
        raise OutputError(f"{folder / METRICS}: {trouble}. Another version of rewardsmith made it: run `{verb}` again.")
    return cast(M, metrics)


def _trouble(metrics: Any, kind: Any) -> str:
    """Paths of the first keys that are not as they should be, with what was expected and found; else nothing."""
    try:
        _checker(kind).validate_python(metrics)
    except ValidationError as error:
        found = [_worded(each) for each in error.errors(include_url=False)]
        more = f"; and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        return "; ".join(found[:_MAX_NAMED]) + more
    return ""


@cache
def _checker(kind: Any) -> TypeAdapter[Any]:
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
