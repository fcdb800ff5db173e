"""What Lua's libraries make of their arguments, and say of those that they cannot take."""

from __future__ import annotations

import math
from typing import Any

_LOWEST = -(2.0**63)


MOST_RESULTS = 7990
"""Values that a function of Python's may return to Lua at once, which has 8,000 places for them (LUAI_MAXCSTACK)."""


class Malformed(Exception):
    """
    What a script gave to a library makes no sense.

    @ivar message: says why.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.message = text.encode("latin-1")


def bad_argument(place: int, function: str, why: str) -> Malformed:
    """What is said of an argument."""
    return Malformed(f"bad argument #{place} to '{function}' ({why})")


def as_long(value: float) -> int:
    """A number as C makes a C{long long} of it: what is too large for one, and NaN, is the lowest there is."""
    return int(value) if _LOWEST <= value < -_LOWEST else int(_LOWEST)


def as_int(value: float) -> int:
    """The same for a C{int}."""
    return int(value) if -(2**31) - 1 < value < 2**31 else -(2**31)


def low_word(value: int) -> int:
    """What is left of a C{long long} in a C{int}."""
    return (value + 2**31) % 2**32 - 2**31


def number(value: Any) -> float | None:
    """A number, or a text of one as Lua reads it; None for anything else."""
    if type(value) is int or type(value) is float:
        return value
    if type(value) is not bytes:
        return None
    text = value.strip(b" \t\n\v\f\r").decode("latin-1")
    try:
        return float.fromhex(text) if "x" in text.lower() else None if "_" in text else float(text)
    except OverflowError:
        return -math.inf if text.startswith("-") else math.inf
    except ValueError:
        return None


def as_text(value: Any) -> bytes | None:
    """A text, or a number as one; None for anything else."""
    if type(value) is int or type(value) is float:
        return b"%.14g" % value
    return value if type(value) is bytes else None


def require_number(place: int, function: str, *values: Any) -> float:
    """
    The value of an argument that must be a number.

    @param values: the argument; nothing if there is none.
    @raise Malformed: if it is none.
    """
    found = number(values[0]) if values else None
    if found is None:
        raise bad_argument(place, function, f"number expected, got {_type_name(*values)}")
    return found


def require_text(place: int, function: str, *values: Any) -> bytes:
    """
    The value of an argument that must be a text, or a number, which becomes one.

    @param values: the argument; nothing if there is none.
    @raise Malformed: if it is none.
    """
    found = as_text(values[0]) if values else None
    if found is None:
        raise bad_argument(place, function, f"string expected, got {_type_name(*values)}")
    return found


_NAMES = {bytes: "string", bool: "boolean", int: "number", float: "number", type(None): "nil"}


def _type_name(*values: Any) -> str:
    return _NAMES.get(type(values[0]), "table") if values else "no value"
