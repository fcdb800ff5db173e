"""Tests for L{tseep.datatypes.stream_ids}: ids and intervals in arguments of commands."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.stream import HIGHEST_ID, SEQUENCE
from tseep.datatypes.stream_ids import INVALID, read_end, read_id, read_milliseconds, read_start
from tseep.errors import CommandError


class IdsTests(SynchronousTestCase):
    def test_id(self) -> None:
        """An id without a sequence number has the given one, by default 0."""
        self.assertEqual(5 << 64 | 7, read_id(b"5-7"))
        self.assertEqual([5 << 64, 5 << 64 | 3], [read_id(b"5"), read_id(b"5", 3)])
        self.assertEqual(HIGHEST_ID, read_id(b"18446744073709551615-18446744073709551615"))

    def test_no_id(self) -> None:
        """An invalid id is refused with Redis's error."""
        for text in (b"", b"-", b"a", b"1-", b"-1", b"1-a", b"1-1-1", b"18446744073709551616", b"1" * 200):
            self.assertEqual(INVALID, str(self.assertRaises(CommandError, read_id, text)))

    def test_long(self) -> None:
        """An id of thousands of digits is refused; some leading zeros are accepted."""
        for text in (b"1" * 5000, b"-" + b"1" * 5000, b"1-" + b"1" * 5000, b"0" * 5000, b" +" + b"1" * 5000):
            self.assertEqual(INVALID, str(self.assertRaises(CommandError, read_id, text)))
        self.assertEqual(7 << 64 | 8, read_id(b"0" * 50 + b"7-" + b"0" * 50 + b"8"))

    def test_milliseconds(self) -> None:
        """L{read_milliseconds} returns the time of an id with C{*} as its sequence number, and C{None} for others."""
        self.assertEqual((5 << 64, None), (read_milliseconds(b"5-*"), read_milliseconds(b"5-1")))

    def test_bounds(self) -> None:
        """C{-} and C{+} stand for no bound, and C{(} excludes a bound."""
        self.assertEqual([0, 5 << 64, (5 << 64) + 1], [read_start(text) for text in (b"-", b"5", b"(5")])
        self.assertEqual([HIGHEST_ID, 5 << 64 | SEQUENCE, 5 << 64], [read_end(t) for t in (b"+", b"5", b"(5-1")])

    def test_no_interval(self) -> None:
        """Excluding the highest id as a start, or the lowest as an end, is refused."""
        self.assertRaises(CommandError, read_start, b"(18446744073709551615-18446744073709551615")
        self.assertRaises(CommandError, read_end, b"(0-0")
