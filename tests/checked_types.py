"""How annotations are checked at run time in the tests: an int will do where a float is asked for (PEP 484)."""

from __future__ import annotations

import inspect
from functools import partial
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any, get_args, get_type_hints
from unittest.mock import patch

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import _import_hook

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
remembering_shapes = jaxtyping.jaxtyped


def jaxtyped(*, typechecker: Any) -> Any:
    """jaxtyping's where an annotation is a shape; a function without has no sizes to remember from one to the next.

    A function within another one would be decorated whenever the outer one is called: without shapes it is mypy's.
    """

    def decorated(function: Any) -> Any:
        if not inspect.isfunction(function) or any(map(has_shape, hints_of(function))):
            return remembering_shapes(function, typechecker=typechecker)
        return function if "<locals>" in function.__qualname__ else typechecker(function)

    return decorated


def hints_of(function: Any) -> list[Any]:
    try:
        return list(get_type_hints(function).values())
    except NameError:  # some name is there for the type checker alone
        return [jaxtyping.AbstractArray]


def has_shape(hint: Any) -> bool:
    parts = hint if isinstance(hint, list) else get_args(hint)
    return (isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray)) or any(map(has_shape, parts))


jaxtyping.jaxtyped = jaxtyped


class CheckedLoader(_import_hook._JaxtypingLoader):
    """jaxtyping's, which names the cached code of what a module imports like the checked code of the module itself.

    None has that name, so PyTorch and what else a checked module is the first to import would be compiled anew.
    """

    exec_module = SourceFileLoader.exec_module

    def get_code(self, fullname: str) -> CodeType | None:
        name = partial(_import_hook._optimized_cache_from_source, self._typechecker.get_hash())
        with patch("importlib._bootstrap_external.cache_from_source", name):
            return super().get_code(fullname)


_import_hook._JaxtypingLoader = CheckedLoader
