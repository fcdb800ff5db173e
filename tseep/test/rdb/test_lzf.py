"""Tests for L{tseep.rdb.lzf}: compression and decompression of strings."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.rdb.lzf import SAMPLE, _compress, compress, decompress
from tseep.rdb.reader import DAMAGED
from tseep.test.properties import given, settings, st


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


class CompressTests(SynchronousTestCase):
    def test_worth_it(self) -> None:
        """Strings that repeat themselves at length become shorter; others, and short ones, are left as they are."""
        record = bytes(range(256)) * 2
        for text in (b"x" * 1000, b"value:1" + b"\0" * 500, record * 20, bytearray(record * 20)):
            packed = compress(text)
            self.assertTrue(0 < len(packed) < len(text) // 2)
            self.assertEqual(text, decompress(packed, len(text)))
        distinct = b"".join(b"%04d" % number for number in range(3000))
        for text in (b"", b"x" * (4 * SAMPLE - 1), distinct, distinct + distinct):  # the last repeats too far back
            self.assertEqual(b"", compress(text))

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(st.lists(st.tuples(st.binary(max_size=40), st.integers(1, 300)), max_size=12))
    def test_round_trip(self, runs: list[tuple[bytes, int]]) -> None:
        """Any string is the same after compression and decompression."""
        text = b"".join(part * count for part, count in runs)
        self.assertEqual(text, decompress(_compress(text), len(text)))
