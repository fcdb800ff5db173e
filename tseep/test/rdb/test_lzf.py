"""Tests for L{tseep.rdb.lzf}: decompression of LZF strings."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.rdb.lzf import decompress
from tseep.rdb.reader import DAMAGED


class DecompressTests(SynchronousTestCase):
    def test_pieces(self) -> None:
        """Literals and back-references are decoded: near and far, short and long, overlapping with their output."""
        self.assertEqual(b"abc", decompress(b"\x02abc", 3))
        self.assertEqual(b"abcabc", decompress(b"\x02abc\x20\x02", 6))
        self.assertEqual(b"a" * 11, decompress(b"\x00a\xe0\x01\x00", 11))
        far = bytes(range(32)) * 10
        packed = b"".join(b"\x1f" + far[at : at + 32] for at in range(0, 320, 32)) + b"\x21\x3f"
        self.assertEqual(far + far[:3], decompress(packed, 323))

    def test_damaged(self) -> None:
        """
        Input that is truncated, refers too far back or has another size is refused without allocating more
        memory.
        """
        for packed, size in ((b"\x02ab", 3), (b"\x20\x05", 3), (b"\x02abc", 4), (b"\x02abc", 2), (b"\x02abc\xe0", 20)):
            self.assertRaises(DAMAGED, decompress, packed, size)
