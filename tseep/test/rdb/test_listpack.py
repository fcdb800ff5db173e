"""Tests of L{tseep.rdb.listpack}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.rdb.format import Corrupt
from tseep.rdb.listpack import Element, read_intset, read_listpack, read_ziplist, read_zipmap, write_listpack
from tseep.rdb.reader import DAMAGED

ELEMENTS: list[Element] = [
    *(0, 127, 128, -1, 4095, 4096, -4096, -4097, 32767, -32769, 1 << 23, -(1 << 31), 1 << 40, -(1 << 63)),
    *(b"", b"a", b"x" * 63, b"x" * 64, b"y" * 4095, b"y" * 4096, b"z" * 20000, b"\xff\x00"),
]


class ListpackTests(SynchronousTestCase):
    """Listpacks are written and read."""

    def test_both_ways(self) -> None:
        """What was packed is found again, alone and with others."""
        for element in ELEMENTS:
            self.assertEqual([element], read_listpack(write_listpack([element])))
        self.assertEqual(ELEMENTS, read_listpack(write_listpack(ELEMENTS)))
        self.assertEqual([], read_listpack(write_listpack([])))

    def test_bytes(self) -> None:
        """They are those that Redis writes."""
        packed = write_listpack([1, b"ab", -1])
        self.assertEqual(b"\x10\0\0\0\x03\0" + b"\x01\x01" + b"\x82ab\x03" + b"\xdf\xff\x02" + b"\xff", packed)

    def test_too_large(self) -> None:
        """A number of more than 64 bits cannot be packed."""
        self.assertRaises(ValueError, write_listpack, [1 << 63])

    def test_damaged(self) -> None:
        """One that is cut off, too long or of another size is refused, whatever is in it."""
        packed = write_listpack(ELEMENTS)
        for damaged in (packed[:-1], packed + b"\xff", packed[:6], b"", packed[:-1] + b"\0", b"\x08\0\0\0\0\0\xfa\xff"):
            self.assertRaises(DAMAGED, read_listpack, damaged)


class OlderTests(SynchronousTestCase):
    """What older versions of Redis packed is read."""

    def ziplist(self, *entries: bytes) -> bytes:
        """A ziplist of entries that are whole but for the length of the one before."""
        body, before = b"", 0
        for entry in entries:
            head = bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
            before = len(head + entry)
            body += head + entry
        return (len(body) + 11).to_bytes(4, "little") + bytes(4) + len(entries).to_bytes(2, "little") + body + b"\xff"

    def test_ziplist(self) -> None:
        """Strings of each length, and numbers of each size."""
        packed = self.ziplist(
            b"\x02ab", b"\x41\x2c" + b"x" * 300, b"\x80\0\0\0\x01y", b"\xc0\x01\x80", b"\xd0\0\0\0\x80",
            b"\xe0" + bytes(7) + b"\x80", b"\xf0\0\0\x80", b"\xfe\x80", b"\xf1", b"\xfd",
        )  # fmt: skip
        numbers = [-32767, -(1 << 31), -(1 << 63), -(1 << 23), -128, 0, 12]
        self.assertEqual([b"ab", b"x" * 300, b"y", *numbers], read_ziplist(packed))
        for damaged in (packed[:-1], packed + b"\xff", b"", self.ziplist(b"\xff")):
            self.assertRaises(DAMAGED, read_ziplist, damaged)

    def test_intset(self) -> None:
        """Integers of two, four and eight bytes."""
        for size in (2, 4, 8):
            numbers = b"".join(number.to_bytes(size, "little", signed=True) for number in (-5, 7))
            packed = size.to_bytes(4, "little") + (2).to_bytes(4, "little") + numbers
            self.assertEqual([b"-5", b"7"], read_intset(packed))
            self.assertRaises(Corrupt, read_intset, packed + b"\0")
        self.assertRaises(Corrupt, read_intset, b"\x03\0\0\0\x01\0\0\0abc")
        self.assertRaises(Corrupt, read_intset, b"")

    def test_zipmap(self) -> None:
        """Fields and values, with room to spare after some."""
        long = b"v" * 300
        packed = b"\x02" + b"\x01a" + b"\x01\x02b.." + b"\x01c" + b"\xfe\x2c\x01\0\0" + b"\0" + long + b"\xff"
        self.assertEqual([b"a", b"b", b"c", long], read_zipmap(packed))
        self.assertRaises(DAMAGED, read_zipmap, packed[:-1])
