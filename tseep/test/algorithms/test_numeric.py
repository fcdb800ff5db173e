"""Tests for L{tseep.algorithms.numeric}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.algorithms.numeric import (
    MAX_REPEATED_BYTES,
    count_ones,
    double,
    integer,
    require_double,
    require_int,
    require_integer,
    require_room,
)
from tseep.errors import CommandError


class IntegerTests(SynchronousTestCase):
    """L{integer} and what requires one."""

    def test_canonical(self) -> None:
        """The canonical form of every signed 64-bit integer is read."""
        for number in (0, 7, -1, 10, 2**63 - 1, -(2**63)):
            self.assertEqual(integer(b"%d" % number), number)

    def test_bytearray(self) -> None:
        """A string that was changed in place is read as well."""
        self.assertEqual(integer(bytearray(b"-12")), -12)

    def test_refused(self) -> None:
        """Any other form, and what has more than 64 bits, is none."""
        for text in (b"", b"-", b"+1", b"01", b"-0", b"00", b" 1", b"1 ", b"1.0", b"1_0", b"0x1", b"\xb2"):
            self.assertIsNone(integer(text), text)
        for number in (2**63, -(2**63) - 1, 10**30):
            self.assertIsNone(integer(b"%d" % number), number)

    def test_required(self) -> None:
        """An argument that is none is refused with the error that the command gives for it."""
        self.assertEqual(require_integer(b"5"), 5)
        error = self.assertRaises(CommandError, require_integer, b"x")
        self.assertEqual(error.message, b"ERR value is not an integer or out of range")
        self.assertEqual(self.assertRaises(CommandError, require_integer, b"x", "ERR no").message, b"ERR no")

    def test_int(self) -> None:
        """An argument of 32 bits has errors of its own for what has more."""
        self.assertEqual(require_int(b"-2147483648"), -(2**31))
        error = self.assertRaises(CommandError, require_int, b"2147483648")
        self.assertIn(b"value must between", error.message)


class DoubleTests(SynchronousTestCase):
    """L{double} and what requires one."""

    def test_forms(self) -> None:
        """C's decimal, hexadecimal and infinite forms are read."""
        forms = {
            b"1": 1.0, b"-1.5": -1.5, b"+.5": 0.5, b"5.": 5.0, b"1e3": 1000.0, b"1.5E-1": 0.15,
            b"0x10": 16.0, b"-0X.8p1": -1.0, b"0x1P-1": 0.5, b"007": 7.0, b"0e999999": 0.0,
            b"inf": float("inf"), b"-Infinity": float("-inf"),
        }  # fmt: skip
        for text, value in forms.items():
            self.assertEqual(double(text), value, text)

    def test_refused(self) -> None:
        """NaN, spaces, what is cut short and what Python alone would read is none."""
        texts = (b"", b".", b"e1", b"1e", b"1e+", b"0x", b"0x.", b"0x1p", b"nan", b"infin", b" 1", b"1 ", b"1_0")
        for text in (*texts, b"1\0", b"--1", b"1.2.3", b"\xd9\xa1"):
            self.assertIsNone(double(text), text)

    def test_out_of_range(self) -> None:
        """What is too large, or so small that it would become zero, is none."""
        for text in (b"1e309", b"-1e309", b"0x1p1024", b"1e-400", b"0x1p-2000"):
            self.assertIsNone(double(text), text)
        self.assertEqual(double(b"5e-324"), 5e-324)

    def test_long(self) -> None:
        """A megabyte of digits with something else behind is refused at once."""
        self.assertIsNone(double(b"1" * 2**20 + b"x"))

    def test_required(self) -> None:
        """An argument that is none is refused with the error that the command gives for it."""
        self.assertEqual(require_double(b"1.5"), 1.5)
        error = self.assertRaises(CommandError, require_double, b"x")
        self.assertEqual(error.message, b"ERR value is not a valid float")


class CountOnesTests(SynchronousTestCase):
    """L{count_ones}."""

    def test_whole(self) -> None:
        """All bits of a string are counted, however long it is."""
        self.assertEqual(count_ones(b""), 0)
        self.assertEqual(count_ones(b"foobar"), 26)
        self.assertEqual(count_ones(bytearray(b"\xff\x01" * 100_000)), 900_000)

    def test_range(self) -> None:
        """Bytes outside of the range do not count, across the pieces too."""
        data = b"\xff" * 200_000
        self.assertEqual(count_ones(data, 1, 3), 16)
        self.assertEqual(count_ones(data, 10, 199_990), 8 * 199_980)
        self.assertEqual(count_ones(data, 5, 5), 0)


class RequireRoomTests(SynchronousTestCase):
    """L{require_room}."""

    def test_small(self) -> None:
        """A million small elements have room, and so have as many as there are, whatever they take."""
        require_room(-1_000_000, [b"a", b"b"])
        large = b"x" * (MAX_REPEATED_BYTES // 2)
        require_room(-3, [large] * 3)

    def test_large(self) -> None:
        """What is too many, or too large on average, or too much with its values, is refused; the error says that."""
        large = b"x" * (MAX_REPEATED_BYTES // 10)
        for count, columns in (
            (-400_000_000, ([b"a"],)),
            (-11, ([large],)),
            (-22, ([b"", large],)),
            (-1_000_000, ([b"a"], [b"b"])),
            (-11, ([b"a"], [large])),
        ):
            error = self.assertRaises(CommandError, require_room, count, *columns)
            self.assertIn(b"%d are allowed" % MAX_REPEATED_BYTES, error.message)
            self.assertIn(b"count %d " % count, error.message)
