"""How numbers are written in reports: shares as percent, accuracies with three decimals, missing values as a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MISSING = "\N{EN DASH}"


def part(metrics: Mapping[str, Any] | None, *keys: str) -> Any:
    """The value below nested keys, or None as soon as one of them is absent or null."""
    value: Any = metrics
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def known(value: object) -> bool:
    """True for a finite number (booleans are no numbers)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def percent(value: Any) -> str:
    """``21%``, ``4.3%``, ``0.2%``, ``<0.1%``."""
    if not known(value):
        return MISSING
    if value == 0:
        return "0%"
    if 0 < value < 0.0005:
        return "<0.1%"
    return f"{value:.0%}" if abs(value) >= 0.0995 else f"{value:.1%}"


def probability(value: Any) -> str:
    """A percentage that never claims certainty: ``97%``, ``>99%``, ``<1%``."""
    if not known(value):
        return MISSING
    return ">99%" if value > 0.995 else "<1%" if value < 0.005 else f"{value:.0%}"


def decimal(value: Any, digits: int = 2) -> str:
    """A number with a real minus sign and a fixed number of decimals."""
    # Adding zero turns -0.0, which -0.004 rounds to, into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "\N{MINUS SIGN}") if known(value) else MISSING


def count(value: Any) -> str:
    """``8,541``."""
    return f"{int(value):,}" if known(value) else MISSING


def megabytes(num_bytes: int) -> str:
    """``1.4 MB``, ``0.03 MB``."""
    size = num_bytes / 1e6
    return f"{size:.1f} MB" if size >= 0.1 else f"{max(size, 0.01):.2f} MB"


def pairs(value: int) -> str:
    """``1 pair``, ``8,541 pairs``."""
    return f"{count(value)} pair" + ("" if value == 1 else "s")


def percent_range(low: Any, high: Any) -> str:
    """``14 to 19%``; one value where both ends read the same."""
    if not (known(low) and known(high)):
        return MISSING
    first, second = percent(low), percent(high)
    return second if first == second else f"{first.rstrip('%')} to {second}"


def percent_with_range(value: Any, low: Any, high: Any) -> str:
    """``62% (58 to 66%)``; without brackets where there is no range."""
    return f"{percent(value)} ({percent_range(low, high)})" if known(low) and known(high) else percent(value)


def rounded_percent(value: Any) -> str:
    """``14%``, ``<1%``: for sentences, where a decimal would claim too much."""
    if not known(value):
        return MISSING
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"


def range_words(low: Any, high: Any) -> str:
    """``9 to 19%``, for sentences."""
    first, second = rounded_percent(low), rounded_percent(high)
    return second if first == second else f"{first.rstrip('%')} to {second}"


def decimal_range(low: Any, high: Any, digits: int = 3, missing: str = MISSING) -> str:
    """``0.702 to 0.724``."""
    if not (known(low) and known(high)):
        return missing
    return f"{decimal(low, digits)} to {decimal(high, digits)}"


def difference(value: Any, low: Any, high: Any, digits: int = 3, unit: str = "") -> str:
    """``+1.213 (−0.311 to +2.702)``."""
    if not known(value):
        return MISSING
    ends = f" ({low:+.{digits}f} to {high:+.{digits}f})" if known(low) and known(high) else ""
    return f"{value:+.{digits}f}{unit}{ends}".replace("-", "\N{MINUS SIGN}")


def points(value: Any, low: Any, high: Any) -> str:
    """A difference of shares: ``+1.2 points (−0.3 to +2.7)``."""
    shares = [100 * number if known(number) else None for number in (value, low, high)]
    return difference(shares[0], shares[1], shares[2], 1, " points")


def duration(seconds: Any) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 40 min``."""
    if not known(seconds):
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 120:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
