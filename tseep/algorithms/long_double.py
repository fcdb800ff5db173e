"""
The x86's long double, with a mantissa of 64 bits, in which Redis adds floats (redis/src/util.c).

Python has no such type, and its own floats would show other digits: 10.1 + 0.2 is 10.3 here.
"""

from __future__ import annotations

import re
from typing import Union

from tseep.algorithms.numeric import FLOAT, infinite, significant_digits
from tseep.errors import NOT_A_FLOAT, CommandError

LongDouble = Union[tuple[int, int], float]
"""The number C{m * 2**e} as C{(m, e)}; a C{float} if it is infinite."""

ZERO = (0, 0)

LONGEST = 5 * 1024 - 1
"""Bytes of text that Redis reads one from."""

_MANTISSA = 64
_LEAST_EXPONENT = -16445
_MOST_EXPONENT = 16384
_DIGITS = 640  # this many Python converts, whatever its limit is set to
_DECIMALS = 17


def long_double(text: bytes) -> LongDouble | None:
    """
    Read one in any form that C knows, decimal, hexadecimal or infinite: C{string2ld}.

    @return: None for anything else, for NaN, and for what is too large or too near to zero.
    """
    match = FLOAT.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        return None
    if match["infinite"]:
        return infinite(match)
    if not significant_digits(match):
        return ZERO
    value = _read(match)
    return value if value is not None and value[0] else None


def require_long_double(text: bytes, error: str = NOT_A_FLOAT) -> LongDouble:
    """
    Read an argument that must be one.

    @raise CommandError: with C{error}, if it is not.
    """
    value = long_double(text)
    if value is None:
        raise CommandError(error)
    return value


def sum_text(first: LongDouble, second: LongDouble) -> bytes | None:
    """
    Add two, and write the sum with at most 17 decimals and without an exponent: C{ld2string}'s human form.

    @return: None if it is infinite or not a number.
    """
    if isinstance(first, float) or isinstance(second, float):
        return None
    exponent = min(first[1], second[1])
    exact = (first[0] << (first[1] - exponent)) + (second[0] << (second[1] - exponent))
    value = _nearest(exact, 1, exponent)
    return None if value is None else _text(*value)


def _nearest(numerator: int, denominator: int, exponent: int) -> tuple[int, int] | None:
    """The one next to C{numerator / denominator * 2**exponent}, of two the even one; None if infinite."""
    excess = numerator.bit_length() - denominator.bit_length() - _MANTISSA
    excess = max(excess, _LEAST_EXPONENT - exponent)
    mantissa = _quotient(numerator, denominator, excess)
    if mantissa.bit_length() > _MANTISSA:  # the length of a quotient is known but for one bit
        excess += 1
        mantissa = _quotient(numerator, denominator, excess)
    exponent += excess
    return None if mantissa.bit_length() + exponent > _MOST_EXPONENT else (mantissa, exponent)


def _quotient(numerator: int, denominator: int, shift: int) -> int:
    """C{numerator / (denominator * 2**shift)}, rounded to the nearest integer, the even one of two."""
    if shift > 0:
        denominator <<= shift
    else:
        numerator <<= -shift
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient & 1))


def _text(mantissa: int, exponent: int) -> bytes:
    units = _quotient(abs(mantissa) * 10**_DECIMALS, 1, -exponent)
    whole, part = divmod(units, 10**_DECIMALS)
    decimals = (b".%017d" % part).rstrip(b"0") if part else b""
    return (b"-" if mantissa < 0 and units else b"") + _write_digits(whole) + decimals


def _read(match: re.Match[bytes]) -> tuple[int, int] | None:
    """The one next to what a text says; None if none is anywhere near."""
    decimal = match["decimal"]
    whole, _, part = (decimal or match["hexadecimal"]).partition(b".")
    digits = (whole + part).lstrip(b"0")
    places = 1 if decimal else 4  # that a digit moves the exponent
    exponent = _clipped(match["exponent"] or match["power"] or b"0") - places * len(part)
    if abs(exponent + places * len(digits)) > 4 * LONGEST:
        return None
    number = _read_digits(digits) if decimal else int(digits, 16)
    if match["sign"] == b"-":
        number = -number
    if not decimal:
        return _nearest(number, 1, exponent)
    return _nearest(number, 10**-exponent, 0) if exponent < 0 else _nearest(number * 10**exponent, 1, 0)


def _clipped(exponent: bytes) -> int:
    """Read an exponent that may have any number of digits; one over six digits is as good as another."""
    digits = exponent.lstrip(b"+-").lstrip(b"0")
    value = int(digits or b"0") if len(digits) <= 6 else 10**6
    return -value if exponent.startswith(b"-") else value


def _read_digits(digits: bytes) -> int:
    """C{int}, for more digits than it takes."""
    if len(digits) <= _DIGITS:
        return int(digits)
    return _read_digits(digits[:-_DIGITS]) * int(10**_DIGITS) + int(digits[-_DIGITS:])


def _write_digits(number: int) -> bytes:
    """C{str}, for more digits than it gives."""
    head, tail = divmod(number, 10**_DIGITS)
    return b"%b%0*d" % (_write_digits(head), _DIGITS, tail) if head else b"%d" % tail
