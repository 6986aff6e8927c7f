"""JSON as rows use it: what Python's own reader refuses, a number of thousands of digits, is a value like any other."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any


def parse_json(text: str) -> Any:
    """The value. ``ValueError`` where the text is not JSON, ``RecursionError`` where it is nested too deeply."""
    return JSON_DECODER.decode(text)


def _integer(digits: str) -> int | Decimal:
    """The number, without the limit that Python sets to the digits of an ``int``."""
    return int(digits) if len(digits) <= sys.int_info.str_digits_check_threshold else Decimal(digits)


JSON_DECODER = json.JSONDecoder(parse_int=_integer)
