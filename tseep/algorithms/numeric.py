"""Integers and doubles as Redis parses them (redis/src/util.c); the size limit of replies with random elements."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection

from tseep.errors import NOT_A_FLOAT, NOT_AN_INT, NOT_AN_INTEGER, CommandError

LOWEST = -(2**63)
HIGHEST = 2**63 - 1
INFINITY = float("inf")

_COUNT_BLOCK_BYTES = 1 << 16


def integer(text: bytes | bytearray) -> int | None:
    """
    Parse a signed 64-bit integer in canonical form: C{string2ll}.

    @return: None for anything else, such as spaces, a plus sign, leading zeros, or more than 64 bits.
    """
    if not text or len(text) > 20:
        return None
    digits = text[1:] if text[0] == 45 else text
    if not digits.isdigit() or (digits[0] == 48 and len(text) > 1):
        return None
    value = int(text)
    return value if LOWEST <= value <= HIGHEST else None


def is_integer(text: bytes) -> bool:
    """True if L{integer} can parse it. Faster, for most texts."""
    if text.isdigit():
        return (text[0] != 48 and len(text) < 19) or integer(text) is not None
    return text[:1] == b"-" and integer(text) is not None


def require_integer(text: bytes | bytearray, error: str = NOT_AN_INTEGER) -> int:
    """
    Parse an argument that must be a signed 64-bit integer.

    @raise CommandError: with C{error}, if it is not one.
    """
    value = integer(text)
    if value is None:
        raise CommandError(error)
    return value


def require_int(text: bytes, error: str = "") -> int:
    """
    Parse an argument that must be a signed 32-bit integer.

    @raise CommandError: if it is not one, with C{error} or, if that is empty, with Redis's usual error.
    """
    value = require_integer(text, error or NOT_AN_INTEGER)
    if not -(2**31) <= value < 2**31:
        raise CommandError(error or NOT_AN_INT)
    return value


def require_count(text: bytes) -> int:
    """
    Parse a number of elements; a negative one has a special meaning in the command.

    @raise CommandError: if it is not an integer, or is -2**63, which cannot be negated.
    """
    value = require_integer(text)
    if value == LOWEST:
        raise CommandError(f"ERR value is out of range, value must between {-HIGHEST} and {HIGHEST}")
    return value


MAX_REPEATED_BYTES = 64 * 1024 * 1024
"""Maximum size in bytes of a reply that repeats elements (SRANDMEMBER and the like with a negative count)."""

_ELEMENT_OVERHEAD = 64
"""Overhead in bytes of each element of a reply, until it is sent."""


def require_room(count: int, *columns: Collection[bytes]) -> None:
    """
    Check the size of a reply with random elements, which can repeat and so exceed the size of the value.

    @param count: requested number of elements; negative if elements can repeat.
    @param columns: the elements to pick from; with several, each pick adds an element of each (fields and values).
    @raise CommandError: if the reply would exceed L{MAX_REPEATED_BYTES} bytes.
    """
    size = len(columns[0])
    if -count <= size:
        return  # bounded by the size of the value
    bytes = -count * _ELEMENT_OVERHEAD * len(columns)
    if bytes <= MAX_REPEATED_BYTES:
        bytes += -count * sum([sum(map(len, column)) for column in columns]) // size
    if bytes > MAX_REPEATED_BYTES:
        text = f"ERR count {count} requires a reply of {bytes} bytes or more; {MAX_REPEATED_BYTES} are allowed: "
        raise CommandError(text + "use a smaller count, several times", size=bytes)


# Each text matches in one way only, so long texts cause no backtracking.
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
"""The texts that C's strtod accepts, except NaN: decimal, hexadecimal or infinite."""


def double(text: bytes) -> float | None:
    """
    Parse a double in any form that C's strtod accepts, decimal, hexadecimal or infinite: C{string2d}.

    @return: None for invalid text, NaN, overflow and underflow.
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
    Parse an argument that must be a double.

    @raise CommandError: with C{error}, if it is not one.
    """
    value = double(text)
    if value is None:
        raise CommandError(error)
    return value


def infinite(match: re.Match[bytes]) -> float:
    """The positive or negative infinity of a match of L{FLOAT}."""
    return -INFINITY if match["sign"] == b"-" else INFINITY


def significant_digits(match: re.Match[bytes]) -> bytes:
    """The digits of a match of L{FLOAT}, without zeros at both ends; empty if the value is zero."""
    return (match["decimal"] or match["hexadecimal"]).strip(b"0.")


if sys.version_info >= (3, 10):
    _ones = int.bit_count
else:

    def _ones(number: int) -> int:
        return bin(number).count("1")


def count_ones(data: bytes | bytearray, start: int = 0, end: int | None = None) -> int:
    """The number of set bits in the bytes from C{start} to before C{end}. Copies 64 KiB at a time."""
    end = len(data) if end is None else end
    places = range(start, end, _COUNT_BLOCK_BYTES)
    pieces = (data[at : min(at + _COUNT_BLOCK_BYTES, end)] for at in places)
    return sum(_ones(int.from_bytes(piece, "little")) for piece in pieces)


def double_text(value: float) -> bytes:
    """A double with 17 digits, as C formats it on x86-64: with the sign of NaN, which Python omits."""
    return b"%.17g" % value if value == value or math.copysign(1, value) > 0 else b"-nan"
