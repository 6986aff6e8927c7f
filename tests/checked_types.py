"""How annotations are checked at run time in the tests: an int will do where a float is asked for (PEP 484)."""

from __future__ import annotations

from functools import partial
from importlib.machinery import SourceFileLoader
from types import CodeType
from unittest.mock import patch

from beartype import BeartypeConf, beartype
from jaxtyping import _import_hook

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


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
