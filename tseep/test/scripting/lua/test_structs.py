"""Tests for L{tseep.scripting.lua.structs}."""

from __future__ import annotations

import math
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.scripting.lua.structs import struct_function
from tseep.test.properties import given, settings, st

_VALUES = {
    "b": st.integers(-(2**7), 2**7 - 1),
    "H": st.integers(0, 2**16 - 1),
    "i3": st.integers(-(2**23), 2**23 - 1),
    "I7": st.integers(0, 2**53),
    "d": st.floats(allow_nan=False),
    "s": st.binary().filter(lambda text: b"\0" not in text),
    "c3": st.binary(min_size=3, max_size=3),
}
"""Options, and values that each packs without loss."""

_ITEMS = st.sampled_from(sorted(_VALUES)).flatmap(lambda option: st.tuples(st.just(option), _VALUES[option]))


class StructsTests(SynchronousTestCase):
    """The C{struct} library: values in C's memory layout."""

    def pack(self, format: bytes, *values: Any) -> Any:
        """Return the bytes that C{struct.pack} returns."""
        problem, packed = struct_function(b"pack", format, *values)
        self.assertIs(None, problem)
        return packed

    def unpack(self, *arguments: Any) -> Any:
        """Return the values that C{struct.unpack} returns."""
        problem, *values = struct_function(b"unpack", *arguments)
        self.assertIs(None, problem)
        return values

    def refused(self, *arguments: Any) -> Any:
        """Return the error of a call."""
        (problem,) = struct_function(*arguments)
        return problem.decode()

    def test_layout(self) -> None:
        """The format determines byte order, size and alignment."""
        self.assertEqual(b"\x01\x02\x03x\0", self.pack(b">HBs", 258, 3, b"x"))
        self.assertEqual(b"\x02\x01\x00\x01\x02", self.pack(b"<i3>H", 258, 258))
        self.assertEqual(b"\x01\0\0\0\x02\0\0\0", self.pack(b"!4bi", 1, 2))
        self.assertEqual(b"\x01\x02\0\0\0", self.pack(b"bi", 1, 2))
        self.assertEqual(b"\0ab", self.pack(b"x c2", b"abc"))
        self.assertEqual(b"abc", self.pack(b"c0", b"abc"))

    @settings(derandomize=True, database=None, deadline=None)
    @given(st.sampled_from(["<", ">", "!<", "!4>"]), st.lists(_ITEMS))
    def test_round(self, order: str, items: Any) -> None:
        """Packed values are unpacked to the same values, followed by the next position."""
        format = (order + "".join(option for option, _ in items)).encode()
        packed = self.pack(format, *[value for _, value in items])
        self.assertEqual([*[value for _, value in items], len(packed) + 1], self.unpack(format, packed))

    def test_signs(self) -> None:
        """A lower-case option is signed, an upper-case one unsigned; of integers above 64 bits the lowest are read."""
        self.assertEqual([-1.0, 255.0, 3], self.unpack(b"bB", b"\xff\xff"))
        self.assertEqual([-1.0, 17], self.unpack(b"i16", b"\xff" * 8 + bytes(8)))

    def test_beyond(self) -> None:
        """A number out of range is converted as C does."""
        self.assertEqual(b"\x01\x40", self.pack(b"bb", 257, -192))
        self.assertEqual(bytes(7) + b"\x80", self.pack(b"<l", -1e300))
        self.assertEqual(bytes(7) + b"\x80", self.pack(b"<l", math.nan))
        self.assertEqual(bytes(8), self.pack(b"<L", math.inf))
        self.assertEqual([math.inf, 5], self.unpack(b"f", self.pack(b"f", 1e300)))

    def test_counted(self) -> None:
        """C{c0} reads as many bytes as the preceding value, which is not returned."""
        self.assertEqual([b"ab", b"c", 5], self.unpack(b"Bc0c1", b"\2abc"))

    def test_start(self) -> None:
        """C{unpack} accepts a start position."""
        self.assertEqual([2.0, 3], self.unpack(b"B", b"\1\2", 2))

    def test_size(self) -> None:
        """C{size} needs no values; options without a fixed size are errors."""
        self.assertEqual((None, 12), struct_function(b"size", b"<iBBH!4i"))
        self.assertEqual((None, 4), struct_function(b"size", b"fz"))
        self.assertEqual("bad argument #1 to 'size' (option 's' has no fixed size)", self.refused(b"size", b"s"))
        self.assertEqual("bad argument #1 to 'size' (option 'c0' has no fixed size)", self.refused(b"size", b"c0"))

    def test_bad_formats(self) -> None:
        """An invalid format raises the library's error."""
        self.assertEqual("bad argument #1 to 'pack' (invalid format option '?')", self.refused(b"pack", b"?"))
        self.assertEqual("integral size 33 is larger than limit of 32", self.refused(b"pack", b"i33", 1))
        self.assertEqual("integral size overflow", self.refused(b"size", b"c2147483648"))
        self.assertEqual("alignment 3 is not a power of 2", self.refused(b"size", b"!3"))

    def test_bad_values(self) -> None:
        """A missing, wrongly typed or short value raises the library's error."""
        self.assertEqual("bad argument #1 to 'pack' (string expected, got no value)", self.refused(b"pack"))
        self.assertEqual("bad argument #2 to 'pack' (number expected, got nil)", self.refused(b"pack", b"i"))
        self.assertEqual("bad argument #2 to 'pack' (string expected, got boolean)", self.refused(b"pack", b"s", True))
        self.assertEqual("bad argument #3 to 'pack' (string too short)", self.refused(b"pack", b"c3", b"ab"))

    def test_bad_data(self) -> None:
        """Data that is too short raises the library's error."""
        short = "bad argument #2 to 'unpack' (data string too short)"
        for arguments in ((b"i", b"abc"), (b"B", b"a", 2), (b"B", b"a", -1), (b"Bc0", b"\5ab")):
            self.assertEqual(short, self.refused(b"unpack", *arguments))
        self.assertEqual("unfinished string in data", self.refused(b"unpack", b"s", b"abc"))
        self.assertEqual("format 'c0' needs a previous size", self.refused(b"unpack", b"c0", b"abc"))
        offset = "bad argument #3 to 'unpack' (offset must be 1 or greater)"
        self.assertEqual(offset, self.refused(b"unpack", b"B", b"a", 0))
