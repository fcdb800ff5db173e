"""Tests for L{tseep.datatypes.memory}: estimates of the memory of keys and values."""

from __future__ import annotations

import platform
import sys

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.memory import EXPIRY_BYTES, of_bytearray, of_bytes, size


class MemoryTests(SynchronousTestCase):
    def test_values(self) -> None:
        """On CPython the estimate of C{bytes} is C{sys.getsizeof}, up to the allocator's rounding."""
        if platform.python_implementation() != "CPython":
            self.skipTest("only CPython tells what an object takes")
        for length in (0, 1, 14, 15, 100, 10_000):
            value = b"x" * length
            self.assertTrue(0 <= of_bytes(value) - sys.getsizeof(value) < 16)

    def test_grown(self) -> None:
        """On CPython the estimate of a C{bytearray} that has grown is within an eighth of C{sys.getsizeof}."""
        if platform.python_implementation() != "CPython":
            self.skipTest("only CPython tells what an object takes")
        value = bytearray(100)
        for _ in range(1000):
            value += b"0123456789"
            self.assertTrue(7 / 8 <= of_bytearray(value) / sys.getsizeof(value) <= 9 / 8)

    def test_parts(self) -> None:
        """Longer keys, longer values and a time to live increase the estimate."""
        base = size(b"key", b"value")
        self.assertEqual(base + 160, size(b"key" + bytes(160), b"value"))
        self.assertEqual(base + 160, size(b"key", b"value" + bytes(160)))
        self.assertEqual(base + EXPIRY_BYTES, size(b"key", b"value", volatile=True))
