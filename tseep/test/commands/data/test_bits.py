"""Tests for L{tseep.commands.data.bits}; the replies are those of redis-server 7.0.15."""

from __future__ import annotations

from typing import Any

from tseep.test.properties import given, settings, st
from tseep.test.support import Argument, SessionTests

QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=200)
BYTES = st.lists(st.sampled_from(b"\0\x01\x80\x5a\xfe\xff"), min_size=1, max_size=5).map(bytes)
PLACES = st.integers(-50, 50)

SYNTAX = "ERR syntax error"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
BAD_OFFSET = "ERR bit offset is not an integer or out of range"
BAD_BIT = "ERR bit is not an integer or out of range"


def bits_of(value: bytes) -> str:
    """Return the bits of a byte string as text of zeros and ones."""
    return "".join(f"{byte:08b}" for byte in value)


def cut(text: str, start: int, end: int) -> tuple[int, str]:
    """Return the index of the first element of a range with GETRANGE's bounds, and the range."""
    first = max(0, start + len(text)) if start < 0 else start
    last = max(0, end + len(text)) if end < 0 else end
    return first, text[first : last + 1]


class BitTests(SessionTests):
    config = {"proto_max_bulk_len": "1mb"}

    def store(self, **values: Any) -> None:
        """Set values in the database directly, without a command."""
        for key, value in values.items():
            self.session.db.set(key.encode(), value)

    def assertWrongType(self, *argv: Argument) -> None:
        """Assert that the command refuses C{key} when it holds a value other than a string."""
        self.store(key=["no string"])
        self.assertError(WRONG_TYPE, *argv)


class OneBitTests(BitTests):
    def test_setbit(self) -> None:
        """SETBIT returns the old bit; bit 0 is the most significant bit of the first byte."""
        self.assertReply(0, "SETBIT", "key", 7, 1)
        self.assertReply(0, "SETBIT", "key", 8, 1)
        self.assertReply(1, "SETBIT", "key", 7, 0)
        self.assertReply(b"\x00\x80", "GET", "key")

    def test_grows(self) -> None:
        """SETBIT pads the string with zero bytes, even to clear a bit, and keeps the time to live."""
        self.run_command("SET", "key", "\x7f", "EX", 10)
        self.assertReply(0, "SETBIT", "key", 17, 0)
        self.assertReply(b"\x7f\0\0", "GET", "key")
        self.assertIn(b"key", self.session.db.expires)

    def test_in_place(self) -> None:
        """SETBIT changes a string in place after the first change, so that it is O(1)."""
        self.run_command("SETBIT", "key", 1000, 1)
        held = self.session.db.peek(b"key")
        self.run_command("SETBIT", "key", 1, 1)
        self.assertIs(self.session.db.peek(b"key"), held)

    def test_getbit(self) -> None:
        """GETBIT returns 0 beyond the string and for a missing key."""
        self.store(key=b"\x01\x80")
        self.assertReply(0, "GETBIT", "key", 6)
        self.assertReply(1, "GETBIT", "key", 7)
        self.assertReply(1, "GETBIT", "key", 8)
        self.assertReply(0, "GETBIT", "key", 16)
        self.assertReply(0, "GETBIT", "other", 0)

    def test_refused(self) -> None:
        """SETBIT and GETBIT refuse an offset beyond proto-max-bulk-len, an invalid bit and another type."""
        for offset in (-1, "x", "", 2**23, 2**64):
            self.assertError(BAD_OFFSET, "SETBIT", "key", offset, 1)
            self.assertError(BAD_OFFSET, "GETBIT", "key", offset)
        for bit in (2, -1, "x"):
            self.assertError(BAD_BIT, "SETBIT", "key", 0, bit)
        self.assertReply(0, "SETBIT", "key", 2**23 - 1, 1)
        self.assertWrongType("SETBIT", "key", 0, 1)
        self.assertWrongType("GETBIT", "key", 0)


class CountTests(BitTests):
    def test_ranges(self) -> None:
        """BITCOUNT counts the set bits of the whole string, or of a range of bytes or bits."""
        self.store(key=b"foobar")
        for arguments, count in (
            ((), 26), ((0, 0), 4), ((1, 1), 6), ((1, 1, "byte"), 6), ((5, 30, "BIT"), 17), ((0, -1), 26),
            ((-2, -1), 7), ((-1, -2), 0), ((3, 1), 0), ((100, 200), 0), ((-100, -99), 4), ((-99, -100), 0),
        ):  # fmt: skip
            self.assertReply(count, "BITCOUNT", "key", *arguments)

    @QUICK
    @given(BYTES, PLACES, PLACES)
    def test_bits(self, value: bytes, start: int, end: int) -> None:
        """BITCOUNT with random ranges of bits agrees with a count over a text of bits."""
        self.store(key=value)
        count = cut(bits_of(value), start, end)[1].count("1") if not end < start < 0 else 0
        self.assertReply(count, "BITCOUNT", "key", start, end, "BIT")

    def test_refused(self) -> None:
        """BITCOUNT refuses half a range, an invalid unit and another type."""
        self.store(key=b"foobar")
        self.assertError(SYNTAX, "BITCOUNT", "key", 0)
        self.assertError(SYNTAX, "BITCOUNT", "key", 0, 1, "NIBBLE")
        self.assertError(SYNTAX, "BITCOUNT", "key", 0, 1, "BIT", "BIT")
        self.assertError(NOT_AN_INTEGER, "BITCOUNT", "key", 0, "x")
        self.assertWrongType("BITCOUNT", "key")

    def test_missing(self) -> None:
        """BITCOUNT of a missing key is 0, whatever the other arguments."""
        self.assertReply(0, "BITCOUNT", "other", 0)


class PositionTests(BitTests):
    def test_whole(self) -> None:
        """BITPOS finds the first set bit and the first clear bit."""
        self.store(key=b"\xff\xf0\x00", zeros=bytearray(3), ones=b"\xff\xff", empty=b"")
        self.assertReply(0, "BITPOS", "key", 1)
        self.assertReply(12, "BITPOS", "key", 0)
        self.assertReply(-1, "BITPOS", "zeros", 1)
        self.assertReply(0, "BITPOS", "zeros", 0)
        self.assertReply(-1, "BITPOS", "empty", 0)

    def test_past_the_end(self) -> None:
        """BITPOS finds a clear bit after a string of ones, unless an end is given."""
        self.store(key=b"\xff\xff")
        self.assertReply(16, "BITPOS", "key", 0)
        self.assertReply(16, "BITPOS", "key", 0, 1)
        self.assertReply(-1, "BITPOS", "key", 0, 0, -1)
        self.assertReply(-1, "BITPOS", "key", 0, 2)

    def test_long(self) -> None:
        """BITPOS finds the only different bit anywhere in a long string."""
        for place in (0, 2**16, 2**17 + 9, 2**20 - 1):
            value = bytearray(2**17)
            value[place >> 3] = 0x80 >> (place & 7)
            self.store(key=value, inverse=bytes(byte ^ 0xFF for byte in value))
            self.assertReply(place, "BITPOS", "key", 1)
            self.assertReply(place, "BITPOS", "inverse", 0)

    def test_missing(self) -> None:
        """BITPOS of a missing key finds only clear bits, whatever the other arguments."""
        self.assertReply(0, "BITPOS", "other", 0, 5, "x")
        self.assertReply(-1, "BITPOS", "other", 1)

    @QUICK
    @given(BYTES, st.integers(0, 1), PLACES, PLACES)
    def test_bits(self, value: bytes, bit: int, start: int, end: int) -> None:
        """BITPOS with random ranges of bits agrees with a search in a text of bits."""
        self.store(key=value)
        first, part = cut(bits_of(value), start, end)
        place = part.find(str(bit))
        self.assertReply(first + place if place >= 0 else -1, "BITPOS", "key", bit, start, end, "BIT")

    @QUICK
    @given(BYTES, st.integers(0, 1), st.integers(-7, 7), st.integers(-7, 7))
    def test_bytes(self, value: bytes, bit: int, start: int, end: int) -> None:
        """BITPOS with random ranges of bytes agrees with a search in a text of bits."""
        self.store(key=value)
        first, part = cut(value.decode("latin-1"), start, end)
        place = bits_of(part.encode("latin-1")).find(str(bit))
        self.assertReply(8 * first + place if place >= 0 else -1, "BITPOS", "key", bit, start, end)

    def test_refused(self) -> None:
        """BITPOS refuses an invalid bit, an invalid unit and another type."""
        self.store(key=b"x")
        self.assertError("ERR The bit argument must be 1 or 0.", "BITPOS", "key", 2)
        self.assertError(NOT_AN_INTEGER, "BITPOS", "key", "x")
        self.assertError(NOT_AN_INTEGER, "BITPOS", "key", 0, "x")
        self.assertError(SYNTAX, "BITPOS", "key", 0, 0, 0, "x")
        self.assertError(SYNTAX, "BITPOS", "key", 0, 0, 0, "BIT", "BIT")
        self.assertWrongType("BITPOS", "key", 0)


class OperationTests(BitTests):
    def test_operations(self) -> None:
        """BITOP pads its sources with zero bytes to the length of the longest."""
        self.store(one=b"\xf0\x0f\xff", two=bytearray(b"\x3c\x3c"))
        for operation, result in (
            ("AND", b"\x30\x0c\x00"), ("or", b"\xfc\x3f\xff"), ("XOR", b"\xcc\x33\xff"),
        ):  # fmt: skip
            self.assertReply(3, "BITOP", operation, "key", "one", "two")
            self.assertReply(result, "GET", "key")

    def test_not(self) -> None:
        """BITOP NOT inverts one string, which can be its destination."""
        self.store(key=bytearray(b"\x00\xf1"))
        self.assertReply(2, "BITOP", "NOT", "key", "key")
        self.assertReply(b"\xff\x0e", "GET", "key")

    def test_missing(self) -> None:
        """BITOP treats a missing key as an empty string, and deletes the destination if the result is empty."""
        self.store(key=b"x", one=b"\xff")
        self.assertReply(1, "BITOP", "AND", "two", "one", "other")
        self.assertReply(b"\0", "GET", "two")
        self.assertReply(0, "BITOP", "OR", "key", "other", "another")
        self.assertIsNone(self.session.db.peek(b"key"))

    def test_replaces(self) -> None:
        """BITOP replaces a destination of any type and removes its time to live."""
        self.store(key=["no string"], one=b"x")
        self.session.db.expire_at(b"key", self.server.keyspace.now + 5)
        self.assertReply(1, "BITOP", "OR", "key", "one")
        self.assertReply(b"x", "GET", "key")
        self.assertNotIn(b"key", self.session.db.expires)

    def test_refused(self) -> None:
        """BITOP refuses an unknown operation, NOT with several sources, and another type."""
        self.assertError(SYNTAX, "BITOP", "NAND", "to", "key")
        self.assertError("ERR BITOP NOT must be called with a single source key.", "BITOP", "NOT", "to", "a", "b")
        self.assertWrongType("BITOP", "OR", "to", "other", "key")


class FieldTests(BitTests):
    def assertSteps(self, expected: list[Any], steps: str, name: str = "BITFIELD", key: str = "key") -> None:
        """Assert the replies to subcommands, which are separated by spaces."""
        self.assertReply(expected, name, key, *steps.split())

    def test_get(self) -> None:
        """BITFIELD GET reads signed and unsigned integers of any width at any offset, and zeros beyond the string."""
        self.store(key=b"\xff\x0f\x80")
        reply = [15, -1, 225, 128, -32768, 0]
        steps = "GET u4 0 GET i4 4 GET u8 5 GET u8 #2 GET i16 16 GET u63 500"
        self.assertSteps(reply, steps)
        self.assertSteps(reply, steps, "BITFIELD_RO")
        self.assertReply([], "BITFIELD", "key")

    def test_get_missing(self) -> None:
        """BITFIELD GET does not create the key."""
        self.assertReply([0], "BITFIELD", "key", "GET", "u8", 100)
        self.assertIsNone(self.session.db.peek(b"key"))

    def test_set(self) -> None:
        """BITFIELD SET returns the old integer and changes only its own bits."""
        self.store(key=b"\xff\xff\xff")
        self.assertReply([31, 0], "BITFIELD", "key", "SET", "u5", 6, 0, "get", "u5", 6)
        self.assertReply(b"\xfc\x1f\xff", "GET", "key")

    def test_incrby(self) -> None:
        """BITFIELD INCRBY returns the new integer and extends the string."""
        self.assertReply([1, 0], "BITFIELD", "key", "INCRBY", "i5", 100, 1, "GET", "u4", 0)
        self.assertReply(14, "STRLEN", "key")

    def test_wrap(self) -> None:
        """By default an integer that is out of range wraps around."""
        for step, reply in (
            ("INCRBY u8 0 256", [0]), ("INCRBY u8 0 -1", [255]), ("INCRBY i8 8 128", [-128]),
            ("INCRBY i8 8 -1", [127]), ("SET i3 16 5 GET i3 16", [0, -3]), ("SET u8 24 -1 GET u8 24", [0, 255]),
            ("SET i64 32 9223372036854775807 INCRBY i64 32 1", [0, -(2**63)]),
        ):  # fmt: skip
            self.assertSteps(reply, step)

    def test_saturate(self) -> None:
        """OVERFLOW SAT limits an integer to the range of its type, in the subcommands after it."""
        for step, reply in (
            ("INCRBY u2 0 9", [3]), ("INCRBY u2 0 -9", [0]), ("INCRBY i8 8 500", [127]), ("INCRBY i8 8 -500", [-128]),
            ("SET u8 16 -1 GET u8 16", [0, 255]), ("SET i8 24 -129 GET i8 24", [0, -128]),
            ("SET i8 24 -9223372036854775808 GET i8 24", [-128, -128]),
        ):  # fmt: skip
            self.assertSteps(reply, f"overflow sat {step}")

    def test_fail(self) -> None:
        """OVERFLOW FAIL returns null and writes nothing, although the key is created."""
        steps = "OVERFLOW FAIL SET u2 0 4 INCRBY u2 0 3 INCRBY u2 0 1 OVERFLOW WRAP INCRBY u2 0 1"
        self.assertSteps([None, 3, None, 0], steps)
        self.assertSteps([None], "OVERFLOW FAIL SET i8 8 500", key="other")
        self.assertReply(b"\0\0", "GET", "other")

    def test_encodings(self) -> None:
        """A type is i with a width of up to 64 bits, or u with up to 63."""
        text = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
        for encoding in ("u64", "i65", "i0", "u", "8", "I8", "x8", "i08", "i-1", ""):
            self.assertError(text, "BITFIELD", "key", "GET", encoding, 0)
        self.assertSteps([0, 0], "GET u63 0 GET i64 0")

    def test_offsets(self) -> None:
        """An offset, in bits or in fields, must be within proto-max-bulk-len."""
        for offset in (-1, "#-1", "#", "##1", "x", "", 2**23, f"#{2**20}", f"#{2**61}"):
            self.assertError(BAD_OFFSET, "BITFIELD", "key", "SET", "u8", offset, 1)
        self.assertReply([0], "BITFIELD", "key", "GET", "u8", f"#{2**20 - 1}")

    def test_refused(self) -> None:
        """BITFIELD refuses an invalid subcommand before it executes any."""
        for step in ("SET u8 0 1 GET u8", "SET u8 0 1 PUT u8 0 1", "SET u8 0", "OVERFLOW"):
            self.assertError(SYNTAX, "BITFIELD", "key", *step.split())
        self.assertError("ERR Invalid OVERFLOW type specified", "BITFIELD", "key", "OVERFLOW", "NONE")
        self.assertError(NOT_AN_INTEGER, "BITFIELD", "key", "SET", "u8", 0, "x")
        self.assertIsNone(self.session.db.peek(b"key"))
        self.assertWrongType("BITFIELD", "key", "GET", "u8", 0)
        self.assertWrongType("BITFIELD", "key", "SET", "u8", 0, 1)

    def test_read_only(self) -> None:
        """BITFIELD_RO refuses subcommands other than GET."""
        text = "ERR BITFIELD_RO only supports the GET subcommand"
        self.assertError(text, "BITFIELD_RO", "key", "GET", "u8", 0, "SET", "u8", 0, 1)
        self.assertSteps([0], "OVERFLOW SAT GET u8 0", "BITFIELD_RO")
