"""Tests for L{tseep.algorithms.long_double}; the sums are those of redis-server 7.0.15 on x86-64."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from tseep.algorithms.long_double import ZERO, LongDouble, long_double, require_long_double, sum_text
from tseep.errors import CommandError


def add(first: bytes, second: bytes) -> bytes | None:
    """The sum of two texts, as text."""
    return sum_text(cast(LongDouble, long_double(first)), cast(LongDouble, long_double(second)))


class LongDoubleTests(SynchronousTestCase):
    """Reading, adding and writing them."""

    def test_sums(self) -> None:
        """A sum is exact to 64 bits, and is written with 17 decimals at most and no exponent."""
        sums = {
            (b"10.1", b"0.2"): b"10.3",
            (b"10.50", b"0.1"): b"10.6",
            (b"5.0e3", b"2.0e2"): b"5200",
            (b"3", b"-3.5"): b"-0.5",
            (b"1e17", b"0.3"): b"100000000000000000.296875",
            (b"9007199254740993", b"0"): b"9007199254740993",
            (b"18446744073709551617", b"0"): b"18446744073709551616",
            (b"18446744073709551619", b"0"): b"18446744073709551620",
            (b"0x1p4", b"0x.8p-3"): b"16.0625",
            (b"0.00000000000000001", b"0"): b"0.00000000000000001",
            (b"-0.1", b"0.1"): b"0",
            (b"-1", b"0.9999999999999999999"): b"0",
        }
        for (first, second), total in sums.items():
            self.assertEqual(add(first, second), total, (first, second))

    def test_zero(self) -> None:
        """A zero has no sign, nor has what is rounded to it, and no exponent makes it less or more."""
        for text in (b"0", b"-0", b"-1e-18", b"0e9999999999", b"0x0p-99999999", b"1e-4950"):
            self.assertEqual(sum_text(ZERO, cast(LongDouble, long_double(text))), b"0", text)

    def test_large(self) -> None:
        """Numbers with more digits than Python converts at once are read and written."""
        self.assertEqual(add(b"1" + b"0" * 4000, b"-1" + b"0" * 4000), b"0")
        self.assertEqual(add(b"0x1p16383", b"0"), _decimal(1 << 16383))
        self.assertEqual(add(b"0.5" + b"0" * 5000, b"0"), b"0.5")

    def test_infinite(self) -> None:
        """There is no sum if a number is infinite, or if the sum is."""
        self.assertEqual(long_double(b"-inf"), float("-inf"))
        self.assertIsNone(add(b"inf", b"-inf"))
        self.assertIsNone(add(b"1", b"+Infinity"))
        self.assertIsNone(add(b"1e4932", b"1e4932"))

    def test_refused(self) -> None:
        """What is no number, too large, too near to zero or longer than Redis reads is none."""
        for text in (b"", b".", b"1e", b"nan", b" 1", b"1_0", b"0x", b"1e4933", b"-1e999999999999", b"1e-4970"):
            self.assertIsNone(long_double(text), text)
        self.assertIsNone(long_double(b"0" * 5120))
        self.assertEqual(long_double(b"0" * 5119), ZERO)

    def test_required(self) -> None:
        """An argument that is none is refused with the error that the command gives for it."""
        self.assertEqual(require_long_double(b"0"), ZERO)
        error = self.assertRaises(CommandError, require_long_double, b"x", "ERR no")
        self.assertEqual(error.message, b"ERR no")


def _decimal(number: int) -> bytes:
    """A number of any length in decimal, a digit at a time."""
    digits = bytearray()
    while number:
        number, digit = divmod(number, 10)
        digits.append(48 + digit)
    return bytes(digits[::-1])
