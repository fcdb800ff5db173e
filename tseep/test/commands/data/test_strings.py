"""Tests for L{tseep.commands.data.strings}; the replies are those of redis-server 7.0.15."""

from __future__ import annotations

from typing import Any

from tseep.test.support import START, Argument, SessionTests

SYNTAX = "ERR syntax error"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"

NOW = START * 1000


class StringTests(SessionTests):
    """What the tests below share."""

    def store(self, **values: Any) -> None:
        """Put values into the database, behind the commands' back."""
        for key, value in values.items():
            self.session.db.set(key.encode(), value)

    def held(self, key: str) -> Any:
        """The value at a key, as the database holds it."""
        return self.session.db.peek(key.encode())

    def deadline(self, key: str) -> int | None:
        """When a key expires, as a Unix time in milliseconds."""
        return self.session.db.expires.get(key.encode())

    def assertWrongType(self, *argv: Argument) -> None:
        """The command refuses C{key}, which holds something other than a string, and leaves it as it is."""
        self.store(key=["no string"])
        self.assertError(WRONG_TYPE, *argv)
        self.assertEqual(self.held("key"), ["no string"])


class GetTests(StringTests):
    """GET and the commands that return a value and change its key."""

    def test_get(self) -> None:
        """GET answers the value, or the null."""
        self.store(key=b"value")
        self.assertReply(b"value", "GET", "key")
        self.assertReply(None, "GET", "other")

    def test_changed_in_place(self) -> None:
        """A value that was changed in place is answered as any other."""
        for name in (("GET",), ("GETSET", "new"), ("GETEX",), ("GETDEL",)):
            self.store(key=bytearray(b"value"))
            self.assertReply(b"value", name[0], "key", *name[1:])

    def test_wrong_type(self) -> None:
        """A value that is no string is refused."""
        self.assertWrongType("GET", "key")
        self.assertWrongType("GETSET", "key", "value")
        self.assertWrongType("GETEX", "key")
        self.assertWrongType("GETDEL", "key")

    def test_hits_and_misses(self) -> None:
        """GET counts whether it found its key."""
        self.store(key=b"value")
        self.run_command("GET", "key")
        self.run_command("GET", "other")
        self.run_command("GET", "other")
        self.assertEqual((self.server.keyspace.hits, self.server.keyspace.misses), (1, 2))

    def test_getset(self) -> None:
        """GETSET answers the old value, sets the new one, and the key no longer expires."""
        self.assertReply(None, "GETSET", "key", "one")
        self.run_command("SET", "key", "one", "EX", 10)
        self.assertReply(b"one", "GETSET", "key", "two")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"two", None))

    def test_getdel(self) -> None:
        """GETDEL answers the value and removes the key."""
        self.store(key=b"value")
        self.assertReply(b"value", "GETDEL", "key")
        self.assertReply(None, "GETDEL", "key")


class GetExTests(StringTests):
    """GETEX."""

    def setUp(self) -> None:
        super().setUp()
        self.run_command("SET", "key", "value", "EX", 10)

    def test_plain(self) -> None:
        """Without an option the time to expire stays."""
        self.assertReply(b"value", "GETEX", "key")
        self.assertEqual(self.deadline("key"), NOW + 10_000)

    def test_times(self) -> None:
        """Each option sets the time to expire in its unit."""
        for option, amount, when in (
            ("EX", 5, NOW + 5000),
            ("px", 5, NOW + 5),
            ("EXAT", START + 7, NOW + 7000),
            ("PXAT", NOW + 7, NOW + 7),
        ):
            self.assertReply(b"value", "GETEX", "key", option, amount)
            self.assertEqual(self.deadline("key"), when, option)

    def test_persist(self) -> None:
        """PERSIST takes the time to expire away."""
        self.assertReply(b"value", "GETEX", "key", "PERSIST")
        self.assertIsNone(self.deadline("key"))

    def test_past(self) -> None:
        """A time that is over removes the key at once, the present moment included."""
        self.assertReply(b"value", "GETEX", "key", "PXAT", NOW)
        self.assertIsNone(self.held("key"))

    def test_missing(self) -> None:
        """Of a key that is not there, only the syntax is looked at."""
        self.assertReply(None, "GETEX", "other", "EX", "x")
        self.assertError(SYNTAX, "GETEX", "other", "EX")

    def test_refused(self) -> None:
        """SET's options, two times and a time that is none are refused."""
        for options in (("NX",), ("KEEPTTL",), ("EX", 1, "PX", 1), ("EX", 1, "PERSIST"), ("PERSIST", "EX", 1)):
            self.assertError(SYNTAX, "GETEX", "key", *options)
        self.assertError("ERR invalid expire time in 'getex' command", "GETEX", "key", "EX", 0)
        self.assertEqual(self.deadline("key"), NOW + 10_000)


class SetTests(StringTests):
    """SET and its older forms."""

    def test_set(self) -> None:
        """SET replaces a value of any type, and its time to expire."""
        self.store(key=["no string"])
        self.session.db.expire_at(b"key", NOW + 5)
        self.assertReply("OK", "SET", "key", "value")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"value", None))

    def test_condition(self) -> None:
        """NX sets only a key that is not there, XX only one that is; the null tells that it was not set."""
        self.assertReply(None, "SET", "key", "one", "XX")
        self.assertReply("OK", "SET", "key", "two", "nx")
        self.assertReply(None, "SET", "key", "three", "NX", "NX")
        self.assertEqual(self.held("key"), b"two")
        self.assertReply("OK", "SET", "key", "four", "XX")
        self.assertEqual(self.held("key"), b"four")

    def test_get(self) -> None:
        """GET makes it answer the old value, whether it sets or not."""
        self.assertReply(None, "SET", "key", "one", "GET")
        self.assertReply(b"one", "SET", "key", "two", "NX", "GET")
        self.assertReply(b"one", "SET", "key", "three", "GET", "XX")
        self.assertEqual(self.held("key"), b"three")
        self.assertWrongType("SET", "key", "value", "GET")

    def test_times(self) -> None:
        """Each option sets the time to expire in its unit; of one given twice the last counts."""
        for options, when in (
            (("EX", 5), NOW + 5000),
            (("px", 5), NOW + 5),
            (("EXAT", START + 7), NOW + 7000),
            (("PXAT", NOW + 7), NOW + 7),
            (("EX", 5, "XX", "EX", 6), NOW + 6000),
        ):
            self.assertReply("OK", "SET", "key", "value", *options)
            self.assertEqual(self.deadline("key"), when, options)

    def test_expiry(self) -> None:
        """A key is there up to its time, and not after it."""
        self.run_command("SET", "key", "value", "PX", 1500)
        self.pass_time(1.5)
        self.assertReply(b"value", "GET", "key")
        self.pass_time(0.001)
        self.assertReply(None, "GET", "key")
        self.assertReply("OK", "SET", "key", "value", "NX")

    def test_past(self) -> None:
        """A key that is set to have expired is not there."""
        self.assertReply("OK", "SET", "key", "value", "EXAT", 1)
        self.assertReply(None, "GET", "key")

    def test_keepttl(self) -> None:
        """KEEPTTL keeps the time to expire, but not that of a key that has expired."""
        self.run_command("SET", "key", "one", "PX", 1000)
        self.assertReply("OK", "SET", "key", "two", "KEEPTTL")
        self.assertEqual(self.deadline("key"), NOW + 1000)
        self.pass_time(2)
        self.assertReply("OK", "SET", "key", "three", "KEEPTTL")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"three", None))

    def test_syntax(self) -> None:
        """Options that exclude each other, lack their argument or do not exist are refused."""
        for options in (
            ("NX", "XX"), ("XX", "GET", "NX"), ("EX", 1, "PX", 1), ("EX", 1, "KEEPTTL"), ("KEEPTTL", "PXAT", 1),
            ("EXAT", 1, "PXAT", 1), ("EX",), ("NX", "PX"), ("PERSIST",), ("5",), ("",),
        ):  # fmt: skip
            self.assertError(SYNTAX, "SET", "key", "value", *options)
        self.assertIsNone(self.held("key"))

    def test_invalid_time(self) -> None:
        """A time that is no number, not positive or past 64 bits is refused, and nothing is set."""
        self.assertError(NOT_AN_INTEGER, "SET", "key", "value", "EX", "1.5")
        for name, option, amount in (
            ("SET", "EX", 0), ("set", "PX", -1), ("SET", "EXAT", -5), ("SET", "EX", 2**63 // 1000),
            ("SET", "PX", 2**63 - 1), ("SET", "EXAT", 2**63 - 1),
        ):  # fmt: skip
            self.assertError("ERR invalid expire time in 'set' command", name, "key", "value", option, amount)
        self.assertIsNone(self.held("key"))

    def test_latest(self) -> None:
        """The last millisecond of 64 bits is a time like any other."""
        self.assertReply("OK", "SET", "key", "value", "PXAT", 2**63 - 1)
        self.assertEqual(self.deadline("key"), 2**63 - 1)

    def test_setnx(self) -> None:
        """SETNX sets only a key that is not there."""
        self.assertReply(1, "SETNX", "key", "one")
        self.assertReply(0, "SETNX", "key", "two")
        self.assertEqual(self.held("key"), b"one")

    def test_setex(self) -> None:
        """SETEX and PSETEX set a value and its time to expire, in seconds and in milliseconds."""
        self.assertReply("OK", "SETEX", "key", 5, "one")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"one", NOW + 5000))
        self.assertReply("OK", "PSETEX", "key", 5, "two")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"two", NOW + 5))
        self.assertError("ERR invalid expire time in 'setex' command", "SETEX", "key", 0, "value")
        self.assertError("ERR invalid expire time in 'psetex' command", "PSETEX", "key", -1, "value")
        self.assertError(NOT_AN_INTEGER, "SETEX", "key", "x", "value")

    def test_write(self) -> None:
        """The native WRITE sets a key as SET does and answers the value; READ finds it."""
        native = self.connect()
        self.assertEqual(native.receive(b"\x02\0\x04\x01k\x01v"), b"\x03\x01v")
        self.assertReply(b"v", "GET", "k")
        self.run_command("APPEND", "k", "w")
        self.assertEqual(native.receive(b"\x01\0\x02\x01k"), b"\x03\x02vw")


class SeveralKeysTests(StringTests):
    """MGET, MSET and MSETNX."""

    def test_mget(self) -> None:
        """MGET answers a null for a key that is missing or holds no string."""
        self.store(one=b"1", two=bytearray(b"2"), three=["no string"])
        self.assertReply([b"1", b"2", None, None, b"1"], "MGET", "one", "two", "three", "four", "one")

    def test_mset(self) -> None:
        """MSET sets every key, of one given twice the last value."""
        self.assertReply("OK", "MSET", "one", 1, "two", 2, "one", 3)
        self.assertEqual((self.held("one"), self.held("two")), (b"3", b"2"))

    def test_msetnx(self) -> None:
        """MSETNX sets every key or, if one is there, none."""
        self.assertReply(1, "MSETNX", "one", 1, "two", 2)
        self.assertReply(0, "MSETNX", "three", 3, "two", 4)
        self.assertIsNone(self.held("three"))

    def test_arity(self) -> None:
        """A key without a value is refused before anything is set."""
        for name in ("mset", "MSETNX"):
            text = f"ERR wrong number of arguments for '{name.lower()}' command"
            self.assertError(text, name, "one", 1, "two")
        self.assertIsNone(self.held("one"))


class NumberTests(StringTests):
    """INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT."""

    def test_steps(self) -> None:
        """A key begins at 0 and goes up and down by integers."""
        self.assertReply(1, "INCR", "key")
        self.assertReply(11, "INCRBY", "key", 10)
        self.assertReply(10, "DECR", "key")
        self.assertReply(-10, "DECRBY", "key", 20)
        self.assertEqual(self.held("key"), b"-10")

    def test_keeps_time(self) -> None:
        """The time to expire stays, but for that of a key that has expired."""
        self.run_command("SET", "key", 5, "PX", 1000)
        self.assertReply(6, "INCR", "key")
        self.assertReply(b"6.5", "INCRBYFLOAT", "key", 0.5)
        self.assertEqual(self.deadline("key"), NOW + 1000)
        self.pass_time(2)
        self.assertReply(1, "INCR", "key")
        self.assertIsNone(self.deadline("key"))

    def test_limits(self) -> None:
        """A sum past 64 bits is refused and changes nothing."""
        self.store(key=b"%d" % (2**63 - 1))
        self.assertError("ERR increment or decrement would overflow", "INCR", "key")
        self.assertReply(-1, "INCRBY", "key", -(2**63))
        self.assertError("ERR increment or decrement would overflow", "INCRBY", "key", -(2**63))
        self.assertError("ERR decrement would overflow", "DECRBY", "key", -(2**63))
        self.assertEqual(self.held("key"), b"-1")

    def test_no_number(self) -> None:
        """A value or an argument that is no integer is refused."""
        self.store(key=b"1.5", changed=bytearray(b"41"))
        self.assertError(NOT_AN_INTEGER, "INCR", "key")
        self.assertError(NOT_AN_INTEGER, "INCRBY", "other", "1.5")
        self.assertReply(42, "INCR", "changed")
        self.assertWrongType("INCR", "key")

    def test_float(self) -> None:
        """INCRBYFLOAT adds in long doubles, and answers and stores their shortest decimal form."""
        self.assertReply(b"10.1", "INCRBYFLOAT", "key", "10.1")
        self.assertReply(b"10.3", "INCRBYFLOAT", "key", "2e-1")
        self.assertReply(b"0", "INCRBYFLOAT", "key", "-10.3")
        self.assertEqual(self.held("key"), b"0")

    def test_float_refused(self) -> None:
        """What is no float, and a sum that is infinite or not a number, is refused."""
        self.store(key=b"1", infinite=b"inf", changed=bytearray(b"1.5"))
        self.assertError("ERR value is not a valid float", "INCRBYFLOAT", "key", "nan")
        self.assertError("ERR increment would produce NaN or Infinity", "INCRBYFLOAT", "key", "inf")
        self.assertError("ERR increment would produce NaN or Infinity", "INCRBYFLOAT", "infinite", "-inf")
        self.assertReply(b"3", "INCRBYFLOAT", "changed", "1.5")
        self.assertEqual(self.held("key"), b"1")
        self.assertWrongType("INCRBYFLOAT", "key", "1")


class PartTests(StringTests):
    """APPEND, STRLEN, SETRANGE, GETRANGE and SUBSTR."""

    config = {"proto_max_bulk_len": "1mb"}

    def test_append(self) -> None:
        """APPEND makes a key or adds to it, keeps its time to expire, and answers the length."""
        self.assertReply(3, "APPEND", "key", "one")
        self.session.db.expire_at(b"key", NOW + 5)
        self.assertReply(6, "APPEND", "key", "two")
        self.assertReply(b"onetwo", "GET", "key")
        self.assertEqual(self.deadline("key"), NOW + 5)
        self.assertWrongType("APPEND", "key", "value")

    def test_append_in_place(self) -> None:
        """A string that was appended to is not copied again, so that it grows in amortised O(1)."""
        self.run_command("APPEND", "key", "one")
        self.run_command("APPEND", "key", "two")
        held = self.held("key")
        self.run_command("APPEND", "key", "three")
        self.assertIs(self.held("key"), held)

    def test_strlen(self) -> None:
        """STRLEN answers the length in bytes, 0 if there is no such key."""
        self.store(key=b"\0\xff", changed=bytearray(3))
        self.assertReply(2, "STRLEN", "key")
        self.assertReply(3, "STRLEN", "changed")
        self.assertReply(0, "STRLEN", "other")
        self.assertWrongType("STRLEN", "key")

    def test_setrange(self) -> None:
        """SETRANGE overwrites in place and fills up with zero bytes."""
        self.assertReply(7, "SETRANGE", "key", 5, "xy")
        self.assertReply(b"\0\0\0\0\0xy", "GET", "key")
        self.store(key=b"Hello World")
        self.assertReply(11, "SETRANGE", "key", 6, "Redis")
        self.assertReply(12, "SETRANGE", "key", 10, "!!")
        self.assertReply(b"Hello Redi!!", "GET", "key")
        self.assertWrongType("SETRANGE", "key", 0, "")

    def test_setrange_nothing(self) -> None:
        """To write nothing changes nothing, and makes no key."""
        self.assertReply(0, "SETRANGE", "key", 5, "")
        self.assertIsNone(self.held("key"))
        self.store(key=b"abc")
        self.assertReply(3, "SETRANGE", "key", 2**62, "")

    def test_too_long(self) -> None:
        """A string past proto-max-bulk-len is refused before it is made."""
        self.assertReply(2**20, "SETRANGE", "key", 2**20 - 1, "x")
        self.assertError(TOO_LONG, "SETRANGE", "key", 2**20, "x")
        self.assertError(TOO_LONG, "SETRANGE", "other", 2**62, "x")
        self.assertError(TOO_LONG, "APPEND", "key", "x")
        self.assertReply(2**20, "STRLEN", "key")

    def test_setrange_refused(self) -> None:
        """An offset that is negative or no integer is refused."""
        self.assertError("ERR offset is out of range", "SETRANGE", "key", -1, "x")
        self.assertError(NOT_AN_INTEGER, "SETRANGE", "key", "x", "x")

    def test_getrange(self) -> None:
        """GETRANGE, and SUBSTR of old, takes bounds from either end, and cuts those that are outside."""
        self.store(key=b"This is a string", changed=bytearray(b"This is a string"))
        for start, end, part in (
            (0, 3, b"This"), (-3, -1, b"ing"), (0, -1, b"This is a string"), (10, 100, b"string"), (5, 4, b""),
            (-100, 1, b"Th"), (16, 20, b""), (-1, -2, b""), (0, -100, b"T"), (-100, -99, b"T"), (-99, -100, b""),
        ):  # fmt: skip
            for name in ("GETRANGE", "SUBSTR"):
                self.assertReply(part, name, "key", start, end)
                self.assertReply(part, name, "changed", start, end)
        self.assertReply(b"", "GETRANGE", "other", 0, -1)
        self.assertError(NOT_AN_INTEGER, "GETRANGE", "key", 0, "x")
        self.assertWrongType("GETRANGE", "key", 0, 1)


class LcsTests(StringTests):
    """LCS."""

    config = {"proto_max_bulk_len": "1mb"}
    matches = [[[4, 7], [5, 8]], [[2, 3], [0, 1]]]

    def setUp(self) -> None:
        super().setUp()
        self.store(one=b"ohmytext", two=bytearray(b"mynewtext"))

    def test_text(self) -> None:
        """It answers the subsequence itself, which with a missing key is empty."""
        self.assertReply(b"mytext", "LCS", "one", "two")
        self.assertReply(b"", "LCS", "one", "three")

    def test_length(self) -> None:
        """LEN makes it answer the length."""
        self.assertReply(6, "LCS", "one", "two", "LEN")

    def test_indexes(self) -> None:
        """IDX makes it answer where the matches are, a map in RESP3 and a flat array in RESP2."""
        self.assertReply([b"matches", self.matches, b"len", 6], "LCS", "one", "two", "IDX")
        self.session.set_protocol(3)
        self.assertReply({b"matches": self.matches, b"len": 6}, "LCS", "one", "two", "idx")

    def test_match_lengths(self) -> None:
        """MINMATCHLEN leaves short matches out, and WITHMATCHLEN adds each one's length."""
        reply = [b"matches", [[[4, 7], [5, 8], 4]], b"len", 6]
        self.assertReply(reply, "LCS", "one", "two", "IDX", "MINMATCHLEN", 4, "WITHMATCHLEN")
        reply = [b"matches", self.matches, b"len", 6]
        self.assertReply(reply, "LCS", "one", "two", "MINMATCHLEN", -3, "IDX")

    def test_refused(self) -> None:
        """Options that do not exist, lack their argument or exclude each other are refused."""
        self.assertError(SYNTAX, "LCS", "one", "two", "MINMATCHLEN")
        self.assertError(SYNTAX, "LCS", "one", "two", "LENGTH")
        self.assertError(NOT_AN_INTEGER, "LCS", "one", "two", "MINMATCHLEN", "x")
        text = "ERR If you want both the length and indexes, please just use IDX."
        self.assertError(text, "LCS", "one", "two", "LEN", "IDX")

    def test_wrong_type(self) -> None:
        """A value that is no string is refused, in words of its own."""
        self.store(key=["no string"])
        self.assertError("ERR The specified keys must contain string values", "LCS", "one", "key")

    def test_too_long(self) -> None:
        """Strings whose table would be larger than proto-max-bulk-len are refused, and no others."""
        text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
        self.store(one=b"a" * 511, two=b"a" * 511, three=b"a" * 512)
        self.assertReply(511, "LCS", "one", "two", "LEN")
        self.assertError(text, "LCS", "one", "three", "LEN")
