"""Tests for L{tseep.lua.libraries}; what scripts see of it is compared with redis-server in tests/test_scripts.py."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ..lua.libraries import Random, bit, number, pack_scalar, struct_function, unpack_messages

_KINDS = {bytes: b"string", bool: b"boolean", float: b"number", type(None): b"nil"}


class LibrariesTests(SynchronousTestCase):
    """Bits, bytes and numbers."""

    @settings(derandomize=True, database=None, deadline=None)
    @given(st.one_of(st.binary(max_size=300), st.booleans(), st.none(), st.floats(allow_nan=False)))
    def test_messages(self, value: Any) -> None:
        """What was packed is unpacked as it was."""
        packed = pack_scalar(value, _KINDS[type(value)])
        self.assertEqual((None, value), unpack_messages(b"unpack", packed, 0, 0, dict))

    def test_messages_in_part(self) -> None:
        """A limited unpacking tells where it stopped."""
        self.assertEqual((None, 1, 1), unpack_messages(b"unpack_one", b"\x01\x02", 1, 0, dict))
        self.assertEqual((None, -1, 2), unpack_messages(b"unpack_one", b"\x01\x02", 1, 1, dict))

    def test_bad_messages(self) -> None:
        """What is cut off, or no message, is told."""
        self.assertEqual((b"Missing bytes in input.",), unpack_messages(b"unpack", b"\xa5abc", 0, 0, dict))
        self.assertEqual((b"Bad data format in input.",), unpack_messages(b"unpack", b"\xc1", 0, 0, dict))
        self.assertEqual((b"Bad data format in input.",), unpack_messages(b"unpack", b"\x91" * 1000, 0, 0, dict))

    def test_struct(self) -> None:
        """Numbers and texts are laid out as C does it."""
        self.assertEqual((None, b"\x01\x02\x03x\0"), struct_function(b"pack", b">HBs", 258, 3, b"x"))
        self.assertEqual((None, 258.0, 3.0, b"x", 6), struct_function(b"unpack", b">HBs", b"\x01\x02\x03x\0"))
        self.assertEqual((None, 12), struct_function(b"size", b"<iBBH!4i"))

    def test_struct_refused(self) -> None:
        """A format that makes no sense, or too little data, is told."""
        for arguments in ((b"pack", b"?"), (b"pack", b"i40", 1), (b"unpack", b">H", b"x"), (b"size", b"s"), (b"pack",)):
            (problem,) = struct_function(*arguments)
            self.assertIn(b"#", problem)

    def test_bit(self) -> None:
        """Results are signed words of 32 bits."""
        self.assertEqual(-2147483648, bit(b"lshift", 1, 31))
        self.assertEqual(-1, bit(b"bnot", 0))
        self.assertEqual(1, bit(b"rol", 2147483648.0, 1))
        self.assertEqual((b"0000ffff", b"FF"), (bit(b"tohex", 65535), bit(b"tohex", 255, -2)))

    def test_number(self) -> None:
        """A text of a number is one."""
        self.assertEqual([10.0, 16.0, 2], [number(b" 10 "), number(b"0x10"), number(2)])

    def test_random(self) -> None:
        """After the same seed the same numbers come."""
        one, other = Random(), Random()
        other.seed(0)
        self.assertEqual([one.next() for _ in range(5)], [other.next() for _ in range(5)])
