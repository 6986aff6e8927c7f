"""How annotations are checked at run time in the tests: an int will do where a float is asked for (PEP 484)."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
