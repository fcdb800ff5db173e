"""Tests for L{tseep.datatypes.stream_ids}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.stream import HIGHEST_ID, SEQUENCE
from tseep.datatypes.stream_ids import INVALID, read_end, read_id, read_milliseconds, read_start
from tseep.errors import CommandError


class IdsTests(SynchronousTestCase):
    """Ids as clients write them."""

    def test_id(self) -> None:
        """The second part may be missing."""
        self.assertEqual(5 << 64 | 7, read_id(b"5-7"))
        self.assertEqual([5 << 64, 5 << 64 | 3], [read_id(b"5"), read_id(b"5", 3)])
        self.assertEqual(HIGHEST_ID, read_id(b"18446744073709551615-18446744073709551615"))

    def test_no_id(self) -> None:
        """What is none is refused."""
        for text in (b"", b"-", b"a", b"1-", b"-1", b"1-a", b"1-1-1", b"18446744073709551616", b"1" * 200):
            self.assertEqual(INVALID, str(self.assertRaises(CommandError, read_id, text)))

    def test_long(self) -> None:
        """So is what has more digits than Python reads, but for zeros in front, of which there may be some."""
        for text in (b"1" * 5000, b"-" + b"1" * 5000, b"1-" + b"1" * 5000, b"0" * 5000, b" +" + b"1" * 5000):
            self.assertEqual(INVALID, str(self.assertRaises(CommandError, read_id, text)))
        self.assertEqual(7 << 64 | 8, read_id(b"0" * 50 + b"7-" + b"0" * 50 + b"8"))

    def test_milliseconds(self) -> None:
        """A star stands for the next number of a millisecond."""
        self.assertEqual((5 << 64, None), (read_milliseconds(b"5-*"), read_milliseconds(b"5-1")))

    def test_bounds(self) -> None:
        """An interval may leave out its bounds, and have none."""
        self.assertEqual([0, 5 << 64, (5 << 64) + 1], [read_start(text) for text in (b"-", b"5", b"(5")])
        self.assertEqual([HIGHEST_ID, 5 << 64 | SEQUENCE, 5 << 64], [read_end(t) for t in (b"+", b"5", b"(5-1")])

    def test_no_interval(self) -> None:
        """After the highest id nothing begins, and before the lowest nothing ends."""
        self.assertRaises(CommandError, read_start, b"(18446744073709551615-18446744073709551615")
        self.assertRaises(CommandError, read_end, b"(0-0")
