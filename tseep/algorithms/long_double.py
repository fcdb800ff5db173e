"""
Arithmetic with the long double of x86 (64-bit mantissa), which Redis uses for INCRBYFLOAT (redis/src/util.c).

Python's floats print other digits: 10.1 + 0.2 is 10.3 here.
"""

from __future__ import annotations

import re
from typing import Union

from tseep.algorithms.numeric import FLOAT, infinite, significant_digits
from tseep.errors import NOT_A_FLOAT, CommandError

LongDouble = Union[tuple[int, int], float]
"""The number C{m * 2**e} as C{(m, e)}; a C{float} if it is infinite."""

ZERO = (0, 0)

MAX_TEXT_BYTES = 5 * 1024 - 1
"""Maximum length of a number in bytes."""

_MANTISSA_BITS = 64
_MIN_EXPONENT = -16445
_MAX_EXPONENT = 16384
_DIGITS = 640  # sys.set_int_max_str_digits accepts no lower limit, except 0
_DECIMALS = 17


def long_double(text: bytes) -> LongDouble | None:
    """
    Parse a number in any form that C's strtold accepts, decimal, hexadecimal or infinite: C{string2ld}.

    @return: None for invalid text, NaN, overflow and underflow.
    """
    match = FLOAT.fullmatch(text) if len(text) <= MAX_TEXT_BYTES else None
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
    Parse an argument that must be a long double.

    @raise CommandError: with C{error}, if L{long_double} returns None.
    """
    value = long_double(text)
    if value is None:
        raise CommandError(error)
    return value


def sum_text(first: LongDouble, second: LongDouble) -> bytes | None:
    """
    Add two numbers, and format the sum with at most 17 decimals and no exponent: C{ld2string} with C{LD_STR_HUMAN}.

    @return: None if the sum is infinite or NaN.
    """
    if isinstance(first, float) or isinstance(second, float):
        return None
    exponent = min(first[1], second[1])
    exact = (first[0] << (first[1] - exponent)) + (second[0] << (second[1] - exponent))
    value = _nearest(exact, 1, exponent)
    return None if value is None else _text(*value)


def _nearest(numerator: int, denominator: int, exponent: int) -> tuple[int, int] | None:
    """The long double nearest to C{numerator / denominator * 2**exponent}, ties to even; None on overflow."""
    excess = numerator.bit_length() - denominator.bit_length() - _MANTISSA_BITS
    excess = max(excess, _MIN_EXPONENT - exponent)
    mantissa = _quotient(numerator, denominator, excess)
    if mantissa.bit_length() > _MANTISSA_BITS:  # the quotient can have one bit more
        excess += 1
        mantissa = _quotient(numerator, denominator, excess)
    exponent += excess
    return None if mantissa.bit_length() + exponent > _MAX_EXPONENT else (mantissa, exponent)


def _quotient(numerator: int, denominator: int, shift: int) -> int:
    """C{numerator / (denominator * 2**shift)}, rounded to the nearest integer, ties to even."""
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
    """The long double nearest to a text's value; None on overflow, or if the exponent is far out of range."""
    decimal = match["decimal"]
    whole, _, part = (decimal or match["hexadecimal"]).partition(b".")
    digits = (whole + part).lstrip(b"0")
    places = 1 if decimal else 4  # exponent change per digit
    exponent = _clipped(match["exponent"] or match["power"] or b"0") - places * len(part)
    if abs(exponent + places * len(digits)) > 4 * MAX_TEXT_BYTES:
        return None
    number = _read_digits(digits) if decimal else int(digits, 16)
    if match["sign"] == b"-":
        number = -number
    if not decimal:
        return _nearest(number, 1, exponent)
    return _nearest(number, 10**-exponent, 0) if exponent < 0 else _nearest(number * 10**exponent, 1, 0)


def _clipped(exponent: bytes) -> int:
    """Parse an exponent of any length; more than six digits count as one million, which is out of range anyway."""
    digits = exponent.lstrip(b"+-").lstrip(b"0")
    value = int(digits or b"0") if len(digits) <= 6 else 10**6
    return -value if exponent.startswith(b"-") else value


def _read_digits(digits: bytes) -> int:
    """As C{int}, without its limit on digits."""
    if len(digits) <= _DIGITS:
        return int(digits)
    return _read_digits(digits[:-_DIGITS]) * int(10**_DIGITS) + int(digits[-_DIGITS:])


def _write_digits(number: int) -> bytes:
    """As C{str}, without its limit on digits."""
    head, tail = divmod(number, 10**_DIGITS)
    return b"%b%0*d" % (_write_digits(head), _DIGITS, tail) if head else b"%d" % tail
