"""Tests for L{tseep.commands.data.bits}; the replies are those of redis-server 7.0.15."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

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
    """A string of bytes as one of zeros and ones."""
    return "".join(f"{byte:08b}" for byte in value)


def cut(text: str, start: int, end: int) -> tuple[int, str]:
    """The part of a text that GETRANGE would give, and where it begins."""
    first = max(0, start + len(text)) if start < 0 else start
    last = max(0, end + len(text)) if end < 0 else end
    return first, text[first : last + 1]


class BitTests(SessionTests):
    """What the tests below share."""

    config = {"proto_max_bulk_len": "1mb"}

    def store(self, **values: Any) -> None:
        """Put values into the database, behind the commands' back."""
        for key, value in values.items():
            self.session.db.set(key.encode(), value)

    def assertWrongType(self, *argv: Argument) -> None:
        """The command refuses C{key}, which holds something other than a string."""
        self.store(key=["no string"])
        self.assertError(WRONG_TYPE, *argv)


class OneBitTests(BitTests):
    """SETBIT and GETBIT."""

    def test_setbit(self) -> None:
        """SETBIT answers the old bit; bit 0 is the highest of the first byte."""
        self.assertReply(0, "SETBIT", "key", 7, 1)
        self.assertReply(0, "SETBIT", "key", 8, 1)
        self.assertReply(1, "SETBIT", "key", 7, 0)
        self.assertReply(b"\x00\x80", "GET", "key")

    def test_grows(self) -> None:
        """SETBIT fills up with zero bytes, even to clear a bit, and keeps the time to expire."""
        self.run_command("SET", "key", "\x7f", "EX", 10)
        self.assertReply(0, "SETBIT", "key", 17, 0)
        self.assertReply(b"\x7f\0\0", "GET", "key")
        self.assertIn(b"key", self.session.db.expires)

    def test_in_place(self) -> None:
        """A string whose bits were set is not copied again, so that SETBIT is O(1)."""
        self.run_command("SETBIT", "key", 1000, 1)
        held = self.session.db.peek(b"key")
        self.run_command("SETBIT", "key", 1, 1)
        self.assertIs(self.session.db.peek(b"key"), held)

    def test_getbit(self) -> None:
        """GETBIT answers 0 past the end, and where there is no key."""
        self.store(key=b"\x01\x80")
        self.assertReply(0, "GETBIT", "key", 6)
        self.assertReply(1, "GETBIT", "key", 7)
        self.assertReply(1, "GETBIT", "key", 8)
        self.assertReply(0, "GETBIT", "key", 16)
        self.assertReply(0, "GETBIT", "other", 0)

    def test_refused(self) -> None:
        """An offset past proto-max-bulk-len, a bit that is none and another type are refused."""
        for offset in (-1, "x", "", 2**23, 2**64):
            self.assertError(BAD_OFFSET, "SETBIT", "key", offset, 1)
            self.assertError(BAD_OFFSET, "GETBIT", "key", offset)
        for bit in (2, -1, "x"):
            self.assertError(BAD_BIT, "SETBIT", "key", 0, bit)
        self.assertReply(0, "SETBIT", "key", 2**23 - 1, 1)
        self.assertWrongType("SETBIT", "key", 0, 1)
        self.assertWrongType("GETBIT", "key", 0)


class CountTests(BitTests):
    """BITCOUNT."""

    def test_ranges(self) -> None:
        """It counts in the whole string, in some bytes or in some bits of it."""
        self.store(key=b"foobar")
        for arguments, count in (
            ((), 26), ((0, 0), 4), ((1, 1), 6), ((1, 1, "byte"), 6), ((5, 30, "BIT"), 17), ((0, -1), 26),
            ((-2, -1), 7), ((-1, -2), 0), ((3, 1), 0), ((100, 200), 0), ((-100, -99), 4), ((-99, -100), 0),
        ):  # fmt: skip
            self.assertReply(count, "BITCOUNT", "key", *arguments)

    @QUICK
    @given(BYTES, PLACES, PLACES)
    def test_bits(self, value: bytes, start: int, end: int) -> None:
        """A range of bits counts the ones that a look at each bit finds."""
        self.store(key=value)
        count = cut(bits_of(value), start, end)[1].count("1") if not end < start < 0 else 0
        self.assertReply(count, "BITCOUNT", "key", start, end, "BIT")

    def test_refused(self) -> None:
        """Half a range, a unit that is none and another type are refused."""
        self.store(key=b"foobar")
        self.assertError(SYNTAX, "BITCOUNT", "key", 0)
        self.assertError(SYNTAX, "BITCOUNT", "key", 0, 1, "NIBBLE")
        self.assertError(SYNTAX, "BITCOUNT", "key", 0, 1, "BIT", "BIT")
        self.assertError(NOT_AN_INTEGER, "BITCOUNT", "key", 0, "x")
        self.assertWrongType("BITCOUNT", "key")

    def test_missing(self) -> None:
        """Where there is no key the answer is 0, whatever else is asked."""
        self.assertReply(0, "BITCOUNT", "other", 0)


class PositionTests(BitTests):
    """BITPOS."""

    def test_whole(self) -> None:
        """It finds the first set and the first clear bit."""
        self.store(key=b"\xff\xf0\x00", zeros=bytearray(3), ones=b"\xff\xff", empty=b"")
        self.assertReply(0, "BITPOS", "key", 1)
        self.assertReply(12, "BITPOS", "key", 0)
        self.assertReply(-1, "BITPOS", "zeros", 1)
        self.assertReply(0, "BITPOS", "zeros", 0)
        self.assertReply(-1, "BITPOS", "empty", 0)

    def test_past_the_end(self) -> None:
        """A string of ones goes on with zeros, unless an end is given."""
        self.store(key=b"\xff\xff")
        self.assertReply(16, "BITPOS", "key", 0)
        self.assertReply(16, "BITPOS", "key", 0, 1)
        self.assertReply(-1, "BITPOS", "key", 0, 0, -1)
        self.assertReply(-1, "BITPOS", "key", 0, 2)

    def test_long(self) -> None:
        """In a long string the one bit that differs is found wherever it is."""
        for place in (0, 2**16, 2**17 + 9, 2**20 - 1):
            value = bytearray(2**17)
            value[place >> 3] = 0x80 >> (place & 7)
            self.store(key=value, inverse=bytes(byte ^ 0xFF for byte in value))
            self.assertReply(place, "BITPOS", "key", 1)
            self.assertReply(place, "BITPOS", "inverse", 0)

    def test_missing(self) -> None:
        """Where there is no key all bits are clear, whatever else is asked."""
        self.assertReply(0, "BITPOS", "other", 0, 5, "x")
        self.assertReply(-1, "BITPOS", "other", 1)

    @QUICK
    @given(BYTES, st.integers(0, 1), PLACES, PLACES)
    def test_bits(self, value: bytes, bit: int, start: int, end: int) -> None:
        """In a range of bits it finds the one that a look at each bit finds."""
        self.store(key=value)
        first, part = cut(bits_of(value), start, end)
        place = part.find(str(bit))
        self.assertReply(first + place if place >= 0 else -1, "BITPOS", "key", bit, start, end, "BIT")

    @QUICK
    @given(BYTES, st.integers(0, 1), st.integers(-7, 7), st.integers(-7, 7))
    def test_bytes(self, value: bytes, bit: int, start: int, end: int) -> None:
        """In a range of bytes it finds the one that a look at each bit finds."""
        self.store(key=value)
        first, part = cut(value.decode("latin-1"), start, end)
        place = bits_of(part.encode("latin-1")).find(str(bit))
        self.assertReply(8 * first + place if place >= 0 else -1, "BITPOS", "key", bit, start, end)

    def test_refused(self) -> None:
        """A bit that is none, a unit that is none and another type are refused."""
        self.store(key=b"x")
        self.assertError("ERR The bit argument must be 1 or 0.", "BITPOS", "key", 2)
        self.assertError(NOT_AN_INTEGER, "BITPOS", "key", "x")
        self.assertError(NOT_AN_INTEGER, "BITPOS", "key", 0, "x")
        self.assertError(SYNTAX, "BITPOS", "key", 0, 0, 0, "x")
        self.assertError(SYNTAX, "BITPOS", "key", 0, 0, 0, "BIT", "BIT")
        self.assertWrongType("BITPOS", "key", 0)


class OperationTests(BitTests):
    """BITOP."""

    def test_operations(self) -> None:
        """Strings are combined as if zero bytes made them as long as the longest."""
        self.store(one=b"\xf0\x0f\xff", two=bytearray(b"\x3c\x3c"))
        for operation, result in (
            ("AND", b"\x30\x0c\x00"), ("or", b"\xfc\x3f\xff"), ("XOR", b"\xcc\x33\xff"),
        ):  # fmt: skip
            self.assertReply(3, "BITOP", operation, "key", "one", "two")
            self.assertReply(result, "GET", "key")

    def test_not(self) -> None:
        """NOT inverts one string, which may be its own destination."""
        self.store(key=bytearray(b"\x00\xf1"))
        self.assertReply(2, "BITOP", "NOT", "key", "key")
        self.assertReply(b"\xff\x0e", "GET", "key")

    def test_missing(self) -> None:
        """A missing key is an empty string, and an empty result removes the destination."""
        self.store(key=b"x", one=b"\xff")
        self.assertReply(1, "BITOP", "AND", "two", "one", "other")
        self.assertReply(b"\0", "GET", "two")
        self.assertReply(0, "BITOP", "OR", "key", "other", "another")
        self.assertIsNone(self.session.db.peek(b"key"))

    def test_replaces(self) -> None:
        """The destination may have held anything, and no longer expires."""
        self.store(key=["no string"], one=b"x")
        self.session.db.expire_at(b"key", self.server.keyspace.now + 5)
        self.assertReply(1, "BITOP", "OR", "key", "one")
        self.assertReply(b"x", "GET", "key")
        self.assertNotIn(b"key", self.session.db.expires)

    def test_refused(self) -> None:
        """An operation that is none, a NOT of several strings and another type are refused."""
        self.assertError(SYNTAX, "BITOP", "NAND", "to", "key")
        self.assertError("ERR BITOP NOT must be called with a single source key.", "BITOP", "NOT", "to", "a", "b")
        self.assertWrongType("BITOP", "OR", "to", "other", "key")


class FieldTests(BitTests):
    """BITFIELD and BITFIELD_RO."""

    def assertSteps(self, expected: list[Any], steps: str, name: str = "BITFIELD", key: str = "key") -> None:
        """The steps, with spaces between their words, answer C{expected}."""
        self.assertReply(expected, name, key, *steps.split())

    def test_get(self) -> None:
        """GET reads signed and unsigned integers of any width at any offset, and zeros past the end."""
        self.store(key=b"\xff\x0f\x80")
        reply = [15, -1, 225, 128, -32768, 0]
        steps = "GET u4 0 GET i4 4 GET u8 5 GET u8 #2 GET i16 16 GET u63 500"
        self.assertSteps(reply, steps)
        self.assertSteps(reply, steps, "BITFIELD_RO")
        self.assertReply([], "BITFIELD", "key")

    def test_reads_leave_no_trace(self) -> None:
        """Without a write there is no key afterwards that was not there before."""
        self.assertReply([0], "BITFIELD", "key", "GET", "u8", 100)
        self.assertIsNone(self.session.db.peek(b"key"))

    def test_set(self) -> None:
        """SET answers the old integer, and writes no bit beside its field."""
        self.store(key=b"\xff\xff\xff")
        self.assertReply([31, 0], "BITFIELD", "key", "SET", "u5", 6, 0, "get", "u5", 6)
        self.assertReply(b"\xfc\x1f\xff", "GET", "key")

    def test_incrby(self) -> None:
        """INCRBY answers the new integer, and the key grows to hold it."""
        self.assertReply([1, 0], "BITFIELD", "key", "INCRBY", "i5", 100, 1, "GET", "u4", 0)
        self.assertReply(14, "STRLEN", "key")

    def test_wrap(self) -> None:
        """An integer that does not fit wraps around, if nothing else is said."""
        for step, reply in (
            ("INCRBY u8 0 256", [0]), ("INCRBY u8 0 -1", [255]), ("INCRBY i8 8 128", [-128]),
            ("INCRBY i8 8 -1", [127]), ("SET i3 16 5 GET i3 16", [0, -3]), ("SET u8 24 -1 GET u8 24", [0, 255]),
            ("SET i64 32 9223372036854775807 INCRBY i64 32 1", [0, -(2**63)]),
        ):  # fmt: skip
            self.assertSteps(reply, step)

    def test_saturate(self) -> None:
        """OVERFLOW SAT stops at the nearest end of the range, for the steps after it."""
        for step, reply in (
            ("INCRBY u2 0 9", [3]), ("INCRBY u2 0 -9", [0]), ("INCRBY i8 8 500", [127]), ("INCRBY i8 8 -500", [-128]),
            ("SET u8 16 -1 GET u8 16", [0, 255]), ("SET i8 24 -129 GET i8 24", [0, -128]),
            ("SET i8 24 -9223372036854775808 GET i8 24", [-128, -128]),
        ):  # fmt: skip
            self.assertSteps(reply, f"overflow sat {step}")

    def test_fail(self) -> None:
        """OVERFLOW FAIL answers the null and writes nothing, though the key is made."""
        steps = "OVERFLOW FAIL SET u2 0 4 INCRBY u2 0 3 INCRBY u2 0 1 OVERFLOW WRAP INCRBY u2 0 1"
        self.assertSteps([None, 3, None, 0], steps)
        self.assertSteps([None], "OVERFLOW FAIL SET i8 8 500", key="other")
        self.assertReply(b"\0\0", "GET", "other")

    def test_encodings(self) -> None:
        """A type is i or u and a width, of up to 64 bits and up to 63."""
        text = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
        for encoding in ("u64", "i65", "i0", "u", "8", "I8", "x8", "i08", "i-1", ""):
            self.assertError(text, "BITFIELD", "key", "GET", encoding, 0)
        self.assertSteps([0, 0], "GET u63 0 GET i64 0")

    def test_offsets(self) -> None:
        """An offset, also one in fields, is within proto-max-bulk-len."""
        for offset in (-1, "#-1", "#", "##1", "x", "", 2**23, f"#{2**20}", f"#{2**61}"):
            self.assertError(BAD_OFFSET, "BITFIELD", "key", "SET", "u8", offset, 1)
        self.assertReply([0], "BITFIELD", "key", "GET", "u8", f"#{2**20 - 1}")

    def test_refused(self) -> None:
        """A step that makes no sense is refused before any is taken."""
        for step in ("SET u8 0 1 GET u8", "SET u8 0 1 PUT u8 0 1", "SET u8 0", "OVERFLOW"):
            self.assertError(SYNTAX, "BITFIELD", "key", *step.split())
        self.assertError("ERR Invalid OVERFLOW type specified", "BITFIELD", "key", "OVERFLOW", "NONE")
        self.assertError(NOT_AN_INTEGER, "BITFIELD", "key", "SET", "u8", 0, "x")
        self.assertIsNone(self.session.db.peek(b"key"))
        self.assertWrongType("BITFIELD", "key", "GET", "u8", 0)
        self.assertWrongType("BITFIELD", "key", "SET", "u8", 0, 1)

    def test_read_only(self) -> None:
        """BITFIELD_RO takes no step that writes."""
        text = "ERR BITFIELD_RO only supports the GET subcommand"
        self.assertError(text, "BITFIELD_RO", "key", "GET", "u8", 0, "SET", "u8", 0, 1)
        self.assertSteps([0], "OVERFLOW SAT GET u8 0", "BITFIELD_RO")
