"""Tests for L{tseep.rdb.values}, L{tseep.rdb.format} and L{tseep.rdb.reader}."""

from __future__ import annotations

from math import inf
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.hash import Hash
from tseep.datatypes.list import RedisList
from tseep.datatypes.set import Set
from tseep.datatypes.sorted_set import SortedSet
from tseep.rdb import format
from tseep.rdb.format import length, string
from tseep.rdb.listpack import write_listpack
from tseep.rdb.reader import DAMAGED, Reader
from tseep.rdb.values import read_value, write_value


class ValueTests(SynchronousTestCase):
    def read(self, kind: int, data: bytes) -> Any:
        """Return the value read from all of C{data}."""
        reader = Reader(data)
        value = read_value(kind, reader)
        self.assertEqual(len(data), reader.at)
        return value

    def again(self, value: Any) -> Any:
        """Return a value that was written and read back."""
        return self.read(*write_value(value))

    def test_round_trip(self) -> None:
        """Values of every type are read as written."""
        for text in (b"", b"x" * 63, b"x" * 64, b"x" * 16384, bytearray(b"raw")):
            self.assertEqual(bytes(text), self.again(text))
        self.assertEqual([b"a", b"b", b"a"], list(self.again(RedisList([b"a", b"b", b"a"]))))
        self.assertEqual([b"a", b"b"], self.again(Set([b"a", b"b"])).members)
        self.assertEqual({b"f": b"v", b"g": b""}, self.again(Hash({b"f": b"v", b"g": b""})))
        scores = {b"low": -inf, b"x": 0.1, b"high": inf}
        self.assertEqual(scores, self.again(SortedSet(scores)).scores)

    def test_lengths(self) -> None:
        """Lengths of each size are encoded as in Redis."""
        for size, written in (
            (63, b"\x3f"), (64, b"\x40\x40"), (16383, b"\x7f\xff"), (16384, b"\x80\0\0\x40\0"),
            (1 << 32, b"\x81\0\0\0\x01\0\0\0\0"),
        ):  # fmt: skip
            self.assertEqual(written, length(size))
            self.assertEqual(size, Reader(written).length())

    def test_special_strings(self) -> None:
        """Strings that are encoded as integers, or compressed by LZF, are read."""
        for written, text in (
            (b"\xc0\xff", b"-1"), (b"\xc1\0\x80", b"-32768"), (b"\xc2\0\0\0\x80", b"-2147483648"),
            (b"\xc3\x06\x06\x02abc\x20\x02", b"abcabc"),
        ):  # fmt: skip
            self.assertEqual(text, Reader(written).string())
        self.assertRaises(format.Corrupt, Reader(b"\xc4").string)

    def test_other_types(self) -> None:
        """Redis's other encodings of the same types are read."""
        packed = string(write_listpack([b"a", 1, b"b", b"2.5"]))
        self.assertEqual({b"a": b"1", b"b": b"2.5"}, self.read(format.HASH_LISTPACK, packed))
        self.assertEqual({b"a": 1.0, b"b": 2.5}, self.read(format.ZSET_LISTPACK, packed).scores)
        self.assertEqual([b"a", b"1", b"b", b"2.5"], self.read(format.SET_LISTPACK, packed).members)
        nodes = length(2) + length(2) + packed + length(1) + string(b"long")
        self.assertEqual([b"a", b"1", b"b", b"2.5", b"long"], list(self.read(format.LIST_QUICKLIST_2, nodes)))
        old = length(4) + b"".join(
            string(name) + score
            for name, score in ((b"a", b"\x031.5"), (b"b", b"\xfe"), (b"c", b"\xff"), (b"d", b"\x012"))
        )
        self.assertEqual({b"a": 1.5, b"b": inf, b"c": -inf, b"d": 2}, self.read(format.ZSET, old).scores)

    def test_invalid(self) -> None:
        """Empty collections, duplicate elements and unknown types are refused."""
        for kind, data in (
            (format.LIST, b"\0"), (format.SET, b"\0"), (format.HASH, b"\0"), (format.ZSET_2, b"\0"),
            (format.SET, b"\x02\x01a\x01a"), (format.HASH, b"\x02\x01a\x01b\x01a\x01c"),
            (format.ZSET, b"\x01\x01a\xfd"), (format.ZSET, b"\x01\x01a\x03abc"), (6, b"\x01a"),
            (format.SET, b"\x81" + b"\xff" * 8),
            (format.ZSET_LISTPACK, string(write_listpack([b"a"]))),
        ):  # fmt: skip
            self.assertRaises(DAMAGED, self.read, kind, data)

    def test_reasons(self) -> None:
        """The errors of damaged packed values are Redis's, by encoding."""
        damaged = string(write_listpack([b"a", b"1"])[:-1])
        for kind, name in (
            (format.HASH_ZIPMAP, "Zipmap"), (format.LIST_ZIPLIST, "List ziplist"), (format.SET_INTSET, "Intset"),
            (format.ZSET_ZIPLIST, "Zset ziplist"), (format.HASH_ZIPLIST, "Hash ziplist"),
            (format.HASH_LISTPACK, "Hash listpack"), (format.ZSET_LISTPACK, "Zset listpack"),
            (format.SET_LISTPACK, "Set listpack"),
        ):  # fmt: skip
            error = str(self.assertRaises(format.Corrupt, self.read, kind, damaged))
            self.assertTrue(error.startswith(f"{name} integrity check failed: "), error)
        for kind, node, name in (
            (format.LIST_QUICKLIST, damaged, "Ziplist"), (format.LIST_QUICKLIST_2, b"\2" + damaged, "Listpack"),
            (format.STREAM_LISTPACKS_2, string(bytes(16)) + damaged, "Stream listpack"),
        ):  # fmt: skip
            error = str(self.assertRaises(format.Corrupt, self.read, kind, b"\1" + node))
            self.assertTrue(error.startswith(f"{name} integrity check failed: "), error)

    def test_empty_nodes(self) -> None:
        """A zipmap without fields, and a list's node without bytes, are damaged; they are no empty values."""
        for kind, data, reason in (
            (format.HASH_ZIPMAP, b"\2\0\xff", "Zipmap integrity check failed"),
            (format.LIST_QUICKLIST_2, b"\1\1\0", "Quicklist integrity check failed"),
        ):
            error = self.assertRaises(format.Corrupt, self.read, kind, data)
            self.assertNotIsInstance(error, format.EmptyValue)
            self.assertIn(reason, str(error))

    def test_truncated(self) -> None:
        """A value that is truncated at any byte is refused."""
        for value in (b"abc", RedisList([b"a", b"b"]), Hash({b"f": b"v"}), SortedSet({b"a": 1.5})):
            kind, data = write_value(value)
            for end in range(len(data)):
                self.assertRaises(DAMAGED, read_value, kind, Reader(data[:end]))
