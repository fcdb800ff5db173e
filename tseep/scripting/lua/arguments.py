"""Conversion and checks of arguments of the Lua libraries."""

from __future__ import annotations

import math
from typing import Any

_LOWEST = -(2.0**63)


MOST_RESULTS = 7990
"""Maximum values that a Python function returns to Lua at once; Lua's limit is 8,000 (LUAI_MAXCSTACK)."""


class LibraryError(Exception):
    """
    A library function is called with invalid arguments or data.

    @ivar message: the error message for the script.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.message = text.encode("latin-1")


def bad_argument(place: int, function: str, why: str) -> LibraryError:
    """The error for an invalid argument, in Lua's words."""
    return LibraryError(f"bad argument #{place} to '{function}' ({why})")


def as_long(value: float) -> int:
    """The number as C's C{long long}; the minimum for numbers out of range and NaN."""
    return int(value) if _LOWEST <= value < -_LOWEST else int(_LOWEST)


def as_int(value: float) -> int:
    """The number as C's C{int}; the minimum for numbers out of range."""
    return int(value) if -(2**31) - 1 < value < 2**31 else -(2**31)


def low_word(value: int) -> int:
    """The C{long long} truncated to C's C{int}."""
    return (value + 2**31) % 2**32 - 2**31


def number(value: Any) -> float | None:
    """A number, or a string that Lua converts to one; None for other values."""
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
    """A string, or a number converted to one as in Lua; None for other values."""
    if type(value) is int or type(value) is float:
        return b"%.14g" % value
    return value if type(value) is bytes else None


def require_number(place: int, function: str, *values: Any) -> float:
    """
    The argument as a number.

    @param values: the argument; nothing if it is missing.
    @raise LibraryError: if it is not a number.
    """
    found = number(values[0]) if values else None
    if found is None:
        raise bad_argument(place, function, f"number expected, got {_type_name(*values)}")
    return found


def require_text(place: int, function: str, *values: Any) -> bytes:
    """
    The argument as a string; a number is converted.

    @param values: the argument; nothing if it is missing.
    @raise LibraryError: if it is neither.
    """
    found = as_text(values[0]) if values else None
    if found is None:
        raise bad_argument(place, function, f"string expected, got {_type_name(*values)}")
    return found


_NAMES = {bytes: "string", bool: "boolean", int: "number", float: "number", type(None): "nil"}


def _type_name(*values: Any) -> str:
    return _NAMES.get(type(values[0]), "table") if values else "no value"
