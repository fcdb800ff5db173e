"""Tests for L{tseep.scripting.lua.libraries}.

The functions as scripts see them are compared with redis-server in tests/server/test_scripts.py.
"""

from __future__ import annotations

import math
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError
from tseep.scripting.lua.arguments import MOST_RESULTS
from tseep.scripting.lua.libraries import Random, bit, pack_scalar, unpack_messages
from tseep.test.properties import given, settings, st

_KINDS = {bytes: b"string", bool: b"boolean", float: b"number", type(None): b"nil"}


class LibrariesTests(SynchronousTestCase):
    """The C{cmsgpack}, C{bit} and C{math.random} functions."""

    @settings(derandomize=True, database=None, deadline=None)
    @given(st.one_of(st.binary(max_size=300), st.booleans(), st.none(), st.floats(allow_nan=False)))
    def test_messages(self, value: Any) -> None:
        """A packed scalar is unpacked to the same value."""
        packed = pack_scalar(value, _KINDS[type(value)])
        self.assertEqual((None, value), unpack_messages(b"unpack", packed, 0, 0, dict))

    def test_messages_in_part(self) -> None:
        """A limited unpacking returns the offset at which it stopped, -1 at the end of the input."""
        self.assertEqual((None, 1, 1), unpack_messages(b"unpack_one", b"\x01\x02", 1, 0, dict))
        self.assertEqual((None, -1, 2), unpack_messages(b"unpack_one", b"\x01\x02", 1, 1, dict))

    def test_bad_messages(self) -> None:
        """Truncated or invalid input returns the library's error."""
        self.assertEqual((b"Missing bytes in input.",), unpack_messages(b"unpack", b"\xa5abc", 0, 0, dict))
        self.assertEqual((b"Bad data format in input.",), unpack_messages(b"unpack", b"\xc1", 0, 0, dict))
        self.assertEqual((b"Bad data format in input.",), unpack_messages(b"unpack", b"\x91" * 1000, 0, 0, dict))

    def test_messages_as_redis(self) -> None:
        """As in Redis, unsigned 64-bit integers are read as signed ones and byte arrays are unsupported."""
        self.assertEqual((None, -1.0), unpack_messages(b"unpack", b"\xcf" + b"\xff" * 8, 0, 0, dict))
        self.assertEqual((b"Bad data format in input.",), unpack_messages(b"unpack", b"\xc4\x01x", 0, 0, dict))
        self.assertEqual(b"\xd3\x80" + bytes(7), pack_scalar(-(2.0**63), b"number"))

    def test_keys_that_lua_has_not(self) -> None:
        """A nil or NaN key is refused before it reaches Lua, whose interpreter would loop forever on it."""
        for key, name in ((b"\xc0", "nil"), (b"\xcb\x7f\xf8" + bytes(6), "NaN"), (b"\xca\x7f\xc0" + bytes(2), "NaN")):
            for data in (b"\x81" + key + b"\x01", b"\x91\x82\x01\x01" + key + b"\x01"):
                error = self.assertRaises(CommandError, unpack_messages, b"unpack", data, 0, 0, dict)
                self.assertEqual(f"ERR table index is {name}", str(error))

    def test_too_many_results(self) -> None:
        """At most C{MOST_RESULTS} values are returned, the limit of Lua's stack."""
        self.assertEqual(1 + MOST_RESULTS, len(unpack_messages(b"unpack", b"\x01" * MOST_RESULTS, 0, 0, dict)))
        (problem,) = unpack_messages(b"unpack", b"\x01" * (1 + MOST_RESULTS), 0, 0, dict)
        self.assertIn(b"too many return values at once", problem)

    def test_limits(self) -> None:
        """C{unpack_limit} with limit 0 and offset 0 has no limit."""
        self.assertEqual((None, 1, 2), unpack_messages(b"unpack_limit", b"\x01\x02", 0, 0, dict))
        self.assertEqual((None, 1), unpack_messages(b"unpack_limit", b"\x01\x02", 0, 1, dict))

    def test_bit(self) -> None:
        """Results are signed 32-bit integers."""
        self.assertEqual(-2147483648, bit(b"lshift", 1, 31))
        self.assertEqual(-1, bit(b"bnot", 0))
        self.assertEqual(1, bit(b"rol", 2147483648.0, 1))
        self.assertEqual((b"0000ffff", b"FF"), (bit(b"tohex", 65535), bit(b"tohex", 255, -2)))

    def test_bit_of_large_numbers(self) -> None:
        """A number is rounded to an integer modulo 2**32; huge numbers, infinities and NaN give LuaBitOp's results."""
        self.assertEqual([2, 2, -2, 5], [bit(b"tobit", number) for number in (1.5, 2.5, -1.5, 2.0**32 + 5)])
        self.assertEqual([2025163840, 0, 0], [bit(b"tobit", number) for number in (1e20, math.inf, math.nan)])

    def test_random(self) -> None:
        """Equal seeds give equal sequences."""
        one, other = Random(), Random()
        other.seed(0)
        self.assertEqual([one.next() for _ in range(5)], [other.next() for _ in range(5)])
