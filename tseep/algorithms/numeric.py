"""Numbers as Redis reads and writes them (redis/src/util.c)."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection

from tseep.errors import NOT_A_FLOAT, NOT_AN_INT, NOT_AN_INTEGER, CommandError

LOWEST = -(2**63)
HIGHEST = 2**63 - 1
INFINITY = float("inf")

_BYTES_AT_ONCE = 1 << 16


def integer(text: bytes | bytearray) -> int | None:
    """
    Read a signed 64-bit integer in its one canonical form: C{string2ll}.

    @return: None for anything else: spaces, a plus sign, leading zeros, more than 64 bits.
    """
    if not text or len(text) > 20:
        return None
    digits = text[1:] if text[0] == 45 else text
    if not digits.isdigit() or (digits[0] == 48 and len(text) > 1):
        return None
    value = int(text)
    return value if LOWEST <= value <= HIGHEST else None


def require_integer(text: bytes | bytearray, error: str = NOT_AN_INTEGER) -> int:
    """
    Read an argument that must be an integer.

    @raise CommandError: with C{error}, if it is not one.
    """
    value = integer(text)
    if value is None:
        raise CommandError(error)
    return value


def require_int(text: bytes, error: str = "") -> int:
    """
    Read an argument that must be an integer of 32 bits, a C C{int}.

    @raise CommandError: if it is not one, with C{error} or, if that is empty, with what Redis says otherwise.
    """
    value = require_integer(text, error or NOT_AN_INTEGER)
    if not -(2**31) <= value < 2**31:
        raise CommandError(error or NOT_AN_INT)
    return value


def require_count(text: bytes) -> int:
    """
    Read an argument that must be a number of elements, where a negative one has a meaning of its own.

    @raise CommandError: if it is not an integer, or has no opposite.
    """
    value = require_integer(text)
    if value == LOWEST:
        raise CommandError(f"ERR value is out of range, value must between {-HIGHEST} and {HIGHEST}")
    return value


MOST_REPEATED = 64 * 1024 * 1024
"""Bytes that a reply may take that names elements again and again."""

_EACH = 64
"""Bytes that an element takes in a reply, beside its own, until that is sent."""


def require_room(count: int, *columns: Collection[bytes]) -> None:
    """
    See that a reply of elements that are picked again and again is not much larger than what they are picked from.

    @param count: how many are asked for; negative if one may be picked again.
    @param columns: what they are picked from: for each element of the reply a word of each.
    @raise CommandError: if the reply would take more than L{MOST_REPEATED}.
    """
    size = len(columns[0])
    if -count <= size:
        return  # it is bounded by what is stored
    bytes = -count * _EACH * len(columns)
    if bytes <= MOST_REPEATED:
        bytes += -count * sum([sum(map(len, column)) for column in columns]) // size
    if bytes > MOST_REPEATED:
        raise CommandError(
            f"ERR count {count} asks for a reply that takes {bytes} bytes or more; {MOST_REPEATED} are allowed: "
            "ask for fewer, several times"
        )


# Each text matches in one way only, so that a long one costs no backtracking.
FLOAT = re.compile(
    rb"""
    (?P<sign> [+-]? )
    (?: (?P<infinite> inf (?: inity )? )
      | 0x (?= \.? [0-9a-f] ) (?P<hexadecimal> [0-9a-f]* (?: \. [0-9a-f]* )? ) (?: p (?P<power> [+-]? \d+ ) )?
      | (?= \.? \d ) (?P<decimal> \d* (?: \. \d* )? ) (?: e (?P<exponent> [+-]? \d+ ) )?
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Every text that C reads a float from, but for NaN: decimal, hexadecimal or infinite."""


def double(text: bytes) -> float | None:
    """
    Read a double in any form that C knows, decimal, hexadecimal or infinite: C{string2d}.

    @return: None for anything else, for NaN, and for what is too large or too near to zero for a double.
    """
    match = FLOAT.fullmatch(text)
    if match is None:
        return None
    if match["infinite"]:
        return infinite(match)
    try:
        value = float(text) if match["decimal"] else float.fromhex(text.decode())
    except OverflowError:
        return None
    out_of_range = value in (INFINITY, -INFINITY) or (value == 0 and significant_digits(match))
    return None if out_of_range else value


def require_double(text: bytes, error: str = NOT_A_FLOAT) -> float:
    """
    Read an argument that must be a double.

    @raise CommandError: with C{error}, if it is not one.
    """
    value = double(text)
    if value is None:
        raise CommandError(error)
    return value


def infinite(match: re.Match[bytes]) -> float:
    """The infinity that a L{FLOAT} says."""
    return -INFINITY if match["sign"] == b"-" else INFINITY


def significant_digits(match: re.Match[bytes]) -> bytes:
    """The digits of a L{FLOAT}, without the zeros at both ends; empty if it is zero."""
    return (match["decimal"] or match["hexadecimal"]).strip(b"0.")


if sys.version_info >= (3, 10):
    _ones = int.bit_count
else:

    def _ones(number: int) -> int:
        return bin(number).count("1")


def count_ones(data: bytes | bytearray, start: int = 0, end: int | None = None) -> int:
    """How many bits are set in the bytes from C{start} to before C{end}, without a copy of the whole."""
    end = len(data) if end is None else end
    places = range(start, end, _BYTES_AT_ONCE)
    pieces = (data[at : min(at + _BYTES_AT_ONCE, end)] for at in places)
    return sum(_ones(int.from_bytes(piece, "little")) for piece in pieces)
