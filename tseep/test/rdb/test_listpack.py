"""Tests for L{tseep.rdb.listpack}: listpacks, and the older ziplists, intsets and zipmaps."""

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
    def test_round_trip(self) -> None:
        """Encoded elements are decoded to the same elements, one by one and all together."""
        for element in ELEMENTS:
            self.assertEqual([element], read_listpack(write_listpack([element])))
        self.assertEqual(ELEMENTS, read_listpack(write_listpack(ELEMENTS)))
        self.assertEqual([], read_listpack(write_listpack([])))

    def test_bytes(self) -> None:
        """Elements are encoded to the same bytes as in Redis."""
        packed = write_listpack([1, b"ab", -1])
        self.assertEqual(b"\x10\0\0\0\x03\0" + b"\x01\x01" + b"\x82ab\x03" + b"\xdf\xff\x02" + b"\xff", packed)

    def test_too_large(self) -> None:
        """An integer of more than 64 bits raises C{ValueError}."""
        self.assertRaises(ValueError, write_listpack, [1 << 63])

    def test_damaged(self) -> None:
        """A listpack that is truncated, has trailing bytes or a wrong size is refused."""
        packed = write_listpack(ELEMENTS)
        for damaged in (packed[:-1], packed + b"\xff", packed[:6], b"", packed[:-1] + b"\0", b"\x08\0\0\0\0\0\xfa\xff"):
            self.assertRaises(DAMAGED, read_listpack, damaged)
        wrong = bytearray(write_listpack([b"ab", 1]))
        wrong[9] += 1  # the size of the first entry, for reverse iteration
        self.assertRaises(Corrupt, read_listpack, bytes(wrong))


class OlderEncodingsTests(SynchronousTestCase):
    """Collections in the encodings of older Redis versions are decoded."""

    def ziplist(self, *entries: bytes) -> bytes:
        """Return a ziplist of entries, each given without the length of its predecessor."""
        body, before, tail = b"", 0, 10
        for entry in entries:
            tail = 10 + len(body)
            head = bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")
            before = len(head + entry)
            body += head + entry
        sizes = (len(body) + 11).to_bytes(4, "little") + tail.to_bytes(4, "little")
        return sizes + len(entries).to_bytes(2, "little") + body + b"\xff"

    def test_ziplist(self) -> None:
        """Strings of all three length encodings and integers of all sizes are decoded from a ziplist."""
        packed = self.ziplist(
            b"\x02ab", b"\x41\x2c" + b"x" * 300, b"\x80\0\0\0\x01y", b"\xc0\x01\x80", b"\xd0\0\0\0\x80",
            b"\xe0" + bytes(7) + b"\x80", b"\xf0\0\0\x80", b"\xfe\x80", b"\xf1", b"\xfd",
        )  # fmt: skip
        numbers = [-32767, -(1 << 31), -(1 << 63), -(1 << 23), -128, 0, 12]
        self.assertEqual([b"ab", b"x" * 300, b"y", *numbers], read_ziplist(packed))
        for damaged in (packed[:-1], packed + b"\xff", b"", self.ziplist(b"\xff")):
            self.assertRaises(DAMAGED, read_ziplist, damaged)
        pair = self.ziplist(b"\x02ab", b"\xf1")
        self.assertEqual([b"ab", 0], read_ziplist(pair))
        for place in (4, 8, 10, 14):  # offset of the last entry, number of entries, size before the first, the second
            wrong = bytearray(pair)
            wrong[place] += 1
            self.assertRaises(Corrupt, read_ziplist, bytes(wrong))

    def test_intset(self) -> None:
        """Integers of two, four or eight bytes are decoded from an intset."""
        for size in (2, 4, 8):
            numbers = b"".join(number.to_bytes(size, "little", signed=True) for number in (-5, 7))
            packed = size.to_bytes(4, "little") + (2).to_bytes(4, "little") + numbers
            self.assertEqual([b"-5", b"7"], read_intset(packed))
            self.assertRaises(Corrupt, read_intset, packed + b"\0")
        self.assertRaises(Corrupt, read_intset, b"\x03\0\0\0\x01\0\0\0abc")
        self.assertRaises(Corrupt, read_intset, b"")

    def test_zipmap(self) -> None:
        """Fields and values are decoded from a zipmap; unused bytes after a value are skipped."""
        long = b"v" * 300
        packed = b"\x02" + b"\x01a" + b"\x01\x02b.." + b"\x01c" + b"\xfe\x2c\x01\0\0" + b"\0" + long + b"\xff"
        self.assertEqual([b"a", b"b", b"c", long], read_zipmap(packed))
        self.assertRaises(DAMAGED, read_zipmap, packed[:-1])
        for short in (b"\xfe\x01\0\0\0a\x01\0b", b"\x01a\xfe\x01\0\0\0\0b"):  # four bytes for a size below 254
            self.assertRaises(Corrupt, read_zipmap, b"\x01" + short + b"\xff")
