"""Tests for L{tseep.datatypes.hash}: the value of a hash."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.hash import Hash, ListpackHash
from tseep.datatypes.limits import LIMITS


class HashTests(SynchronousTestCase):
    def test_encoding(self) -> None:
        """A new hash is a listpack up to a number of fields and a length of fields and values."""
        self.patch(LIMITS, "hash_max_listpack_entries", 3)
        self.patch(LIMITS, "hash_max_listpack_value", 4)
        self.assertEqual(b"listpack", Hash.of([]).encoding)
        self.assertEqual(b"listpack", Hash.of([(b"f", b"4444"), (b"4444", b""), (b"", b"")]).encoding)
        self.assertEqual(b"hashtable", Hash.of([(b"f", b"55555")]).encoding)
        self.assertEqual(b"hashtable", Hash.of([(b"55555", b"")]).encoding)
        self.assertEqual(b"hashtable", Hash.of((b"%d" % number, b"") for number in range(4)).encoding)

    def test_copy(self) -> None:
        """A copy has the encoding of the original; a change of it does not change the original."""
        for kind in (Hash, ListpackHash):
            value = kind({b"f": b"1"})
            copied = value.copy()
            copied[b"f"] = b"2"
            self.assertEqual((kind, b"1"), (type(copied), value[b"f"]))

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
