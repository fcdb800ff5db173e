"""Tests for L{tseep.scripting.lua.libraries}.

What scripts see of it is compared with redis-server in tests/server/test_scripts.py.
"""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError
from tseep.scripting.lua.arguments import MOST_RESULTS
from tseep.scripting.lua.libraries import Random, bit, pack_scalar, unpack_messages

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

    def test_messages_as_redis(self) -> None:
        """Unsigned numbers of 64 bits are taken for signed ones, and byte arrays are unknown, as in Redis."""
        self.assertEqual((None, -1.0), unpack_messages(b"unpack", b"\xcf" + b"\xff" * 8, 0, 0, dict))
        self.assertEqual((b"Bad data format in input.",), unpack_messages(b"unpack", b"\xc4\x01x", 0, 0, dict))
        self.assertEqual(b"\xd3\x80" + bytes(7), pack_scalar(-(2.0**63), b"number"))

    def test_keys_that_lua_has_not(self) -> None:
        """A nil or a NaN as a key is refused before Lua meets it, which would hold the interpreter for ever."""
        for key, name in ((b"\xc0", "nil"), (b"\xcb\x7f\xf8" + bytes(6), "NaN"), (b"\xca\x7f\xc0" + bytes(2), "NaN")):
            for data in (b"\x81" + key + b"\x01", b"\x91\x82\x01\x01" + key + b"\x01"):
                error = self.assertRaises(CommandError, unpack_messages, b"unpack", data, 0, 0, dict)
                self.assertEqual(f"ERR table index is {name}", str(error))

    def test_too_many_results(self) -> None:
        """No more values are returned at once than Lua's stack takes."""
        self.assertEqual(1 + MOST_RESULTS, len(unpack_messages(b"unpack", b"\x01" * MOST_RESULTS, 0, 0, dict)))
        (problem,) = unpack_messages(b"unpack", b"\x01" * (1 + MOST_RESULTS), 0, 0, dict)
        self.assertIn(b"too many return values at once", problem)

    def test_limits(self) -> None:
        """An unpacking that is limited to nothing, from the beginning, is not limited."""
        self.assertEqual((None, 1, 2), unpack_messages(b"unpack_limit", b"\x01\x02", 0, 0, dict))
        self.assertEqual((None, 1), unpack_messages(b"unpack_limit", b"\x01\x02", 0, 1, dict))

    def test_bit(self) -> None:
        """Results are signed words of 32 bits."""
        self.assertEqual(-2147483648, bit(b"lshift", 1, 31))
        self.assertEqual(-1, bit(b"bnot", 0))
        self.assertEqual(1, bit(b"rol", 2147483648.0, 1))
        self.assertEqual((b"0000ffff", b"FF"), (bit(b"tohex", 65535), bit(b"tohex", 255, -2)))

    def test_bit_of_large_numbers(self) -> None:
        """A number is rounded to an integer, of which the lowest 32 bits count; one that is very large has others."""
        self.assertEqual([2, 2, -2, 5], [bit(b"tobit", number) for number in (1.5, 2.5, -1.5, 2.0**32 + 5)])
        self.assertEqual([2025163840, 0, 0], [bit(b"tobit", number) for number in (1e20, math.inf, math.nan)])

    def test_random(self) -> None:
        """After the same seed the same numbers come."""
        one, other = Random(), Random()
        other.seed(0)
        self.assertEqual([one.next() for _ in range(5)], [other.next() for _ in range(5)])
