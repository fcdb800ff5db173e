"""Tests for L{tseep.datatypes.hash}: the value of a hash."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.hash import MAX_LISTPACK_ENTRIES, MAX_LISTPACK_VALUE, Hash


class HashTests(SynchronousTestCase):
    def test_encoding(self) -> None:
        """A hash is a listpack up to a number of fields and a length of fields and values."""
        self.assertEqual(b"listpack", Hash({b"f": b"x" * MAX_LISTPACK_VALUE}).encoding())
        self.assertEqual(b"hashtable", Hash({b"f": b"x" * (MAX_LISTPACK_VALUE + 1)}).encoding())
        self.assertEqual(b"hashtable", Hash({b"f" * (MAX_LISTPACK_VALUE + 1): b""}).encoding())
        many = Hash((b"%d" % number, b"") for number in range(MAX_LISTPACK_ENTRIES))
        self.assertEqual(b"listpack", many.encoding())
        many[b"more"] = b""
        self.assertEqual(b"hashtable", many.encoding())

    def test_copy(self) -> None:
        """A change of a copy does not change the original."""
        value = Hash({b"f": b"1"})
        copied = value.copy()
        copied[b"f"] = b"2"
        self.assertEqual((Hash, b"1"), (type(copied), value[b"f"]))

    def test_size(self) -> None:
        """The size grows with the number of fields and the length of values."""
        small = Hash({b"f": b"1"})
        longer, more = Hash({b"f": b"1" * 161}), Hash({b"f": b"1", b"g": b"1"})
        self.assertEqual(small.size() + 160, longer.size())
        self.assertGreater(more.size(), small.size())

    def test_release(self) -> None:
        """C{release} removes a limited number of fields and returns whether some are left."""
        value = Hash((b"%d" % number, b"") for number in range(5))
        self.assertEqual([True, True, False], [value.release(2) for _ in range(3)])
        self.assertEqual(0, len(value))
