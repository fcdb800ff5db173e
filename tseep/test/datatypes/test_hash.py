"""Tests for L{tseep.datatypes.hash}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.hash import LONGEST_PACKED, MOST_PACKED, Hash


class HashTests(SynchronousTestCase):
    """A hash in the store."""

    def test_encoding(self) -> None:
        """It is packed up to a number of fields and a length of each."""
        self.assertEqual(b"listpack", Hash({b"f": b"x" * LONGEST_PACKED}).encoding())
        self.assertEqual(b"hashtable", Hash({b"f": b"x" * (LONGEST_PACKED + 1)}).encoding())
        self.assertEqual(b"hashtable", Hash({b"f" * (LONGEST_PACKED + 1): b""}).encoding())
        many = Hash((b"%d" % number, b"") for number in range(MOST_PACKED))
        self.assertEqual(b"listpack", many.encoding())
        many[b"more"] = b""
        self.assertEqual(b"hashtable", many.encoding())

    def test_copy(self) -> None:
        """A copy is a hash of its own."""
        value = Hash({b"f": b"1"})
        copied = value.copy()
        copied[b"f"] = b"2"
        self.assertEqual((Hash, b"1"), (type(copied), value[b"f"]))

    def test_size(self) -> None:
        """More and longer fields take more."""
        small = Hash({b"f": b"1"})
        longer, more = Hash({b"f": b"1" * 161}), Hash({b"f": b"1", b"g": b"1"})
        self.assertEqual(small.size() + 160, longer.size())
        self.assertGreater(more.size(), small.size())

    def test_release(self) -> None:
        """It gives back some fields at a time."""
        value = Hash((b"%d" % number, b"") for number in range(5))
        self.assertEqual([True, True, False], [value.release(2) for _ in range(3)])
        self.assertEqual(0, len(value))
