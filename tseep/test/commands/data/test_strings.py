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
    def store(self, **values: Any) -> None:
        """Set values in the database directly, without a command."""
        for key, value in values.items():
            self.session.db.set(key.encode(), value)

    def held(self, key: str) -> Any:
        """Return the value of a key in the database."""
        return self.session.db.peek(key.encode())

    def deadline(self, key: str) -> int | None:
        """Return a key's expire time, as a Unix time in milliseconds."""
        return self.session.db.expires.get(key.encode())

    def assertWrongType(self, *argv: Argument) -> None:
        """Assert that the command refuses C{key} when it holds no string, and does not change it."""
        self.store(key=["no string"])
        self.assertError(WRONG_TYPE, *argv)
        self.assertEqual(self.held("key"), ["no string"])


class GetTests(StringTests):
    """GET and the commands that return a value and change its key."""

    def test_get(self) -> None:
        """GET returns the value, or null for a missing key."""
        self.store(key=b"value")
        self.assertReply(b"value", "GET", "key")
        self.assertReply(None, "GET", "other")

    def test_changed_in_place(self) -> None:
        """A value that was changed in place is returned as any other."""
        for name in (("GET",), ("GETSET", "new"), ("GETEX",), ("GETDEL",)):
            self.store(key=bytearray(b"value"))
            self.assertReply(b"value", name[0], "key", *name[1:])

    def test_wrong_type(self) -> None:
        """GET, GETSET, GETEX and GETDEL refuse a value that is no string."""
        self.assertWrongType("GET", "key")
        self.assertWrongType("GETSET", "key", "value")
        self.assertWrongType("GETEX", "key")
        self.assertWrongType("GETDEL", "key")

    def test_hits_and_misses(self) -> None:
        """GET counts hits and misses of its key."""
        self.store(key=b"value")
        self.run_command("GET", "key")
        self.run_command("GET", "other")
        self.run_command("GET", "other")
        self.assertEqual((self.server.keyspace.hits, self.server.keyspace.misses), (1, 2))

    def test_getset(self) -> None:
        """GETSET returns the old value, sets the new one and removes the time to live."""
        self.assertReply(None, "GETSET", "key", "one")
        self.run_command("SET", "key", "one", "EX", 10)
        self.assertReply(b"one", "GETSET", "key", "two")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"two", None))

    def test_getdel(self) -> None:
        """GETDEL returns the value and deletes the key."""
        self.store(key=b"value")
        self.assertReply(b"value", "GETDEL", "key")
        self.assertReply(None, "GETDEL", "key")


class GetExTests(StringTests):
    def setUp(self) -> None:
        super().setUp()
        self.run_command("SET", "key", "value", "EX", 10)

    def test_plain(self) -> None:
        """GETEX without an option keeps the time to live."""
        self.assertReply(b"value", "GETEX", "key")
        self.assertEqual(self.deadline("key"), NOW + 10_000)

    def test_times(self) -> None:
        """Each option of GETEX sets the expire time in its unit."""
        for option, amount, when in (
            ("EX", 5, NOW + 5000),
            ("px", 5, NOW + 5),
            ("EXAT", START + 7, NOW + 7000),
            ("PXAT", NOW + 7, NOW + 7),
        ):
            self.assertReply(b"value", "GETEX", "key", option, amount)
            self.assertEqual(self.deadline("key"), when, option)

    def test_persist(self) -> None:
        """GETEX PERSIST removes the time to live."""
        self.assertReply(b"value", "GETEX", "key", "PERSIST")
        self.assertIsNone(self.deadline("key"))

    def test_past(self) -> None:
        """GETEX deletes the key at once if the expire time is not in the future."""
        self.assertReply(b"value", "GETEX", "key", "PXAT", NOW)
        self.assertIsNone(self.held("key"))

    def test_missing(self) -> None:
        """GETEX of a missing key checks only the syntax."""
        self.assertReply(None, "GETEX", "other", "EX", "x")
        self.assertError(SYNTAX, "GETEX", "other", "EX")

    def test_refused(self) -> None:
        """GETEX refuses SET's other options, two times and invalid times."""
        for options in (("NX",), ("KEEPTTL",), ("EX", 1, "PX", 1), ("EX", 1, "PERSIST"), ("PERSIST", "EX", 1)):
            self.assertError(SYNTAX, "GETEX", "key", *options)
        self.assertError("ERR invalid expire time in 'getex' command", "GETEX", "key", "EX", 0)
        self.assertEqual(self.deadline("key"), NOW + 10_000)


class SetTests(StringTests):
    def test_set(self) -> None:
        """SET replaces a value of any type and removes its time to live."""
        self.store(key=["no string"])
        self.session.db.expire_at(b"key", NOW + 5)
        self.assertReply("OK", "SET", "key", "value")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"value", None))

    def test_condition(self) -> None:
        """SET NX sets only a missing key and XX only an existing one; the reply is null if nothing was set."""
        self.assertReply(None, "SET", "key", "one", "XX")
        self.assertReply("OK", "SET", "key", "two", "nx")
        self.assertReply(None, "SET", "key", "three", "NX", "NX")
        self.assertEqual(self.held("key"), b"two")
        self.assertReply("OK", "SET", "key", "four", "XX")
        self.assertEqual(self.held("key"), b"four")

    def test_get(self) -> None:
        """SET GET returns the old value, whether it sets the new one or not."""
        self.assertReply(None, "SET", "key", "one", "GET")
        self.assertReply(b"one", "SET", "key", "two", "NX", "GET")
        self.assertReply(b"one", "SET", "key", "three", "GET", "XX")
        self.assertEqual(self.held("key"), b"three")
        self.assertWrongType("SET", "key", "value", "GET")

    def test_times(self) -> None:
        """Each option of SET sets the expire time in its unit; of a repeated option the last one applies."""
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
        """A key exists up to and including its expire time."""
        self.run_command("SET", "key", "value", "PX", 1500)
        self.pass_time(1.5)
        self.assertReply(b"value", "GET", "key")
        self.pass_time(0.001)
        self.assertReply(None, "GET", "key")
        self.assertReply("OK", "SET", "key", "value", "NX")

    def test_past(self) -> None:
        """SET with an expire time in the past leaves no key."""
        self.assertReply("OK", "SET", "key", "value", "EXAT", 1)
        self.assertReply(None, "GET", "key")

    def test_keepttl(self) -> None:
        """SET KEEPTTL keeps the time to live, but not that of an expired key."""
        self.run_command("SET", "key", "one", "PX", 1000)
        self.assertReply("OK", "SET", "key", "two", "KEEPTTL")
        self.assertEqual(self.deadline("key"), NOW + 1000)
        self.pass_time(2)
        self.assertReply("OK", "SET", "key", "three", "KEEPTTL")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"three", None))

    def test_syntax(self) -> None:
        """SET refuses options that exclude each other, are incomplete or unknown."""
        for options in (
            ("NX", "XX"), ("XX", "GET", "NX"), ("EX", 1, "PX", 1), ("EX", 1, "KEEPTTL"), ("KEEPTTL", "PXAT", 1),
            ("EXAT", 1, "PXAT", 1), ("EX",), ("NX", "PX"), ("PERSIST",), ("5",), ("",),
        ):  # fmt: skip
            self.assertError(SYNTAX, "SET", "key", "value", *options)
        self.assertIsNone(self.held("key"))

    def test_invalid_time(self) -> None:
        """SET refuses a time that is not an integer, not positive or beyond 64 bits, and then sets nothing."""
        self.assertError(NOT_AN_INTEGER, "SET", "key", "value", "EX", "1.5")
        for name, option, amount in (
            ("SET", "EX", 0), ("set", "PX", -1), ("SET", "EXAT", -5), ("SET", "EX", 2**63 // 1000),
            ("SET", "PX", 2**63 - 1), ("SET", "EXAT", 2**63 - 1),
        ):  # fmt: skip
            self.assertError("ERR invalid expire time in 'set' command", name, "key", "value", option, amount)
        self.assertIsNone(self.held("key"))

    def test_latest(self) -> None:
        """SET accepts an expire time of 2^63 - 1 milliseconds."""
        self.assertReply("OK", "SET", "key", "value", "PXAT", 2**63 - 1)
        self.assertEqual(self.deadline("key"), 2**63 - 1)

    def test_setnx(self) -> None:
        """SETNX sets only a missing key."""
        self.assertReply(1, "SETNX", "key", "one")
        self.assertReply(0, "SETNX", "key", "two")
        self.assertEqual(self.held("key"), b"one")

    def test_setex(self) -> None:
        """SETEX sets value and time to live in seconds, PSETEX in milliseconds."""
        self.assertReply("OK", "SETEX", "key", 5, "one")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"one", NOW + 5000))
        self.assertReply("OK", "PSETEX", "key", 5, "two")
        self.assertEqual((self.held("key"), self.deadline("key")), (b"two", NOW + 5))
        self.assertError("ERR invalid expire time in 'setex' command", "SETEX", "key", 0, "value")
        self.assertError("ERR invalid expire time in 'psetex' command", "PSETEX", "key", -1, "value")
        self.assertError(NOT_AN_INTEGER, "SETEX", "key", "x", "value")

    def test_write(self) -> None:
        """WRITE of the Go study's binary frames sets a key as SET does and returns the value; READ returns it."""
        native = self.connect()
        self.assertEqual(native.receive(b"\x02\0\x04\x01k\x01v"), b"\x03\x01v")
        self.assertReply(b"v", "GET", "k")
        self.run_command("APPEND", "k", "w")
        self.assertEqual(native.receive(b"\x01\0\x02\x01k"), b"\x03\x02vw")


class SeveralKeysTests(StringTests):
    def test_mget(self) -> None:
        """MGET returns null for a key that is missing or holds no string."""
        self.store(one=b"1", two=bytearray(b"2"), three=["no string"])
        self.assertReply([b"1", b"2", None, None, b"1"], "MGET", "one", "two", "three", "four", "one")

    def test_mset(self) -> None:
        """MSET sets every key; of a repeated key the last value applies."""
        self.assertReply("OK", "MSET", "one", 1, "two", 2, "one", 3)
        self.assertEqual((self.held("one"), self.held("two")), (b"3", b"2"))

    def test_msetnx(self) -> None:
        """MSETNX sets all keys, or none if one exists."""
        self.assertReply(1, "MSETNX", "one", 1, "two", 2)
        self.assertReply(0, "MSETNX", "three", 3, "two", 4)
        self.assertIsNone(self.held("three"))

    def test_arity(self) -> None:
        """MSET and MSETNX refuse a key without a value before they set any."""
        for name in ("mset", "MSETNX"):
            text = f"ERR wrong number of arguments for '{name.lower()}' command"
            self.assertError(text, name, "one", 1, "two")
        self.assertIsNone(self.held("one"))


class NumberTests(StringTests):
    """INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT."""

    def test_steps(self) -> None:
        """INCR, DECR, INCRBY and DECRBY start at 0 for a missing key."""
        self.assertReply(1, "INCR", "key")
        self.assertReply(11, "INCRBY", "key", 10)
        self.assertReply(10, "DECR", "key")
        self.assertReply(-10, "DECRBY", "key", 20)
        self.assertEqual(self.held("key"), b"-10")

    def test_keeps_time(self) -> None:
        """INCR and INCRBYFLOAT keep the time to live, but not that of an expired key."""
        self.run_command("SET", "key", 5, "PX", 1000)
        self.assertReply(6, "INCR", "key")
        self.assertReply(b"6.5", "INCRBYFLOAT", "key", 0.5)
        self.assertEqual(self.deadline("key"), NOW + 1000)
        self.pass_time(2)
        self.assertReply(1, "INCR", "key")
        self.assertIsNone(self.deadline("key"))

    def test_limits(self) -> None:
        """INCR, INCRBY and DECRBY refuse a result beyond 64 bits and change nothing."""
        self.store(key=b"%d" % (2**63 - 1))
        self.assertError("ERR increment or decrement would overflow", "INCR", "key")
        self.assertReply(-1, "INCRBY", "key", -(2**63))
        self.assertError("ERR increment or decrement would overflow", "INCRBY", "key", -(2**63))
        self.assertError("ERR decrement would overflow", "DECRBY", "key", -(2**63))
        self.assertEqual(self.held("key"), b"-1")

    def test_no_number(self) -> None:
        """INCR and INCRBY refuse a value or argument that is not an integer."""
        self.store(key=b"1.5", changed=bytearray(b"41"))
        self.assertError(NOT_AN_INTEGER, "INCR", "key")
        self.assertError(NOT_AN_INTEGER, "INCRBY", "other", "1.5")
        self.assertReply(42, "INCR", "changed")
        self.assertWrongType("INCR", "key")

    def test_float(self) -> None:
        """INCRBYFLOAT computes with long doubles, and returns and stores the shortest decimal form."""
        self.assertReply(b"10.1", "INCRBYFLOAT", "key", "10.1")
        self.assertReply(b"10.3", "INCRBYFLOAT", "key", "2e-1")
        self.assertReply(b"0", "INCRBYFLOAT", "key", "-10.3")
        self.assertEqual(self.held("key"), b"0")

    def test_float_refused(self) -> None:
        """INCRBYFLOAT refuses arguments that are not numbers, and results that are infinite or NaN."""
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
        """APPEND creates a key or extends it, keeps its time to live, and returns the length."""
        self.assertReply(3, "APPEND", "key", "one")
        self.session.db.expire_at(b"key", NOW + 5)
        self.assertReply(6, "APPEND", "key", "two")
        self.assertReply(b"onetwo", "GET", "key")
        self.assertEqual(self.deadline("key"), NOW + 5)
        self.assertWrongType("APPEND", "key", "value")

    def test_append_in_place(self) -> None:
        """APPEND extends a string in place after the first change, in amortised O(1)."""
        self.run_command("APPEND", "key", "one")
        self.run_command("APPEND", "key", "two")
        held = self.held("key")
        self.run_command("APPEND", "key", "three")
        self.assertIs(self.held("key"), held)

    def test_strlen(self) -> None:
        """STRLEN returns the length in bytes, 0 for a missing key."""
        self.store(key=b"\0\xff", changed=bytearray(3))
        self.assertReply(2, "STRLEN", "key")
        self.assertReply(3, "STRLEN", "changed")
        self.assertReply(0, "STRLEN", "other")
        self.assertWrongType("STRLEN", "key")

    def test_setrange(self) -> None:
        """SETRANGE overwrites in place and pads with zero bytes."""
        self.assertReply(7, "SETRANGE", "key", 5, "xy")
        self.assertReply(b"\0\0\0\0\0xy", "GET", "key")
        self.store(key=b"Hello World")
        self.assertReply(11, "SETRANGE", "key", 6, "Redis")
        self.assertReply(12, "SETRANGE", "key", 10, "!!")
        self.assertReply(b"Hello Redi!!", "GET", "key")
        self.assertWrongType("SETRANGE", "key", 0, "")

    def test_setrange_nothing(self) -> None:
        """SETRANGE with an empty string changes nothing and creates no key."""
        self.assertReply(0, "SETRANGE", "key", 5, "")
        self.assertIsNone(self.held("key"))
        self.store(key=b"abc")
        self.assertReply(3, "SETRANGE", "key", 2**62, "")

    def test_too_long(self) -> None:
        """SETRANGE and APPEND refuse a string beyond proto-max-bulk-len before they allocate it."""
        self.assertReply(2**20, "SETRANGE", "key", 2**20 - 1, "x")
        self.assertError(TOO_LONG, "SETRANGE", "key", 2**20, "x")
        self.assertError(TOO_LONG, "SETRANGE", "other", 2**62, "x")
        self.assertError(TOO_LONG, "APPEND", "key", "x")
        self.assertReply(2**20, "STRLEN", "key")

    def test_setrange_refused(self) -> None:
        """SETRANGE refuses an offset that is negative or not an integer."""
        self.assertError("ERR offset is out of range", "SETRANGE", "key", -1, "x")
        self.assertError(NOT_AN_INTEGER, "SETRANGE", "key", "x", "x")

    def test_getrange(self) -> None:
        """GETRANGE and SUBSTR accept bounds from either end, and limit them to the string."""
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
    config = {"proto_max_bulk_len": "1mb"}
    matches = [[[4, 7], [5, 8]], [[2, 3], [0, 1]]]

    def setUp(self) -> None:
        super().setUp()
        self.store(one=b"ohmytext", two=bytearray(b"mynewtext"))

    def test_text(self) -> None:
        """LCS returns the subsequence, which is empty if a key is missing."""
        self.assertReply(b"mytext", "LCS", "one", "two")
        self.assertReply(b"", "LCS", "one", "three")

    def test_length(self) -> None:
        """LCS LEN returns the length of the subsequence."""
        self.assertReply(6, "LCS", "one", "two", "LEN")

    def test_indexes(self) -> None:
        """LCS IDX returns the positions of the matches, as a map in RESP3."""
        self.assertReply([b"matches", self.matches, b"len", 6], "LCS", "one", "two", "IDX")
        self.session.set_protocol(3)
        self.assertReply({b"matches": self.matches, b"len": 6}, "LCS", "one", "two", "idx")

    def test_match_lengths(self) -> None:
        """MINMATCHLEN omits short matches, and WITHMATCHLEN adds the length of each match."""
        reply = [b"matches", [[[4, 7], [5, 8], 4]], b"len", 6]
        self.assertReply(reply, "LCS", "one", "two", "IDX", "MINMATCHLEN", 4, "WITHMATCHLEN")
        reply = [b"matches", self.matches, b"len", 6]
        self.assertReply(reply, "LCS", "one", "two", "MINMATCHLEN", -3, "IDX")

    def test_refused(self) -> None:
        """LCS refuses options that are unknown, incomplete or exclude each other."""
        self.assertError(SYNTAX, "LCS", "one", "two", "MINMATCHLEN")
        self.assertError(SYNTAX, "LCS", "one", "two", "LENGTH")
        self.assertError(NOT_AN_INTEGER, "LCS", "one", "two", "MINMATCHLEN", "x")
        text = "ERR If you want both the length and indexes, please just use IDX."
        self.assertError(text, "LCS", "one", "two", "LEN", "IDX")

    def test_wrong_type(self) -> None:
        """LCS refuses a value that is no string, with an error of its own."""
        self.store(key=["no string"])
        self.assertError("ERR The specified keys must contain string values", "LCS", "one", "key")

    def test_too_long(self) -> None:
        """LCS refuses strings whose table would exceed proto-max-bulk-len, and accepts all others."""
        text = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
        self.store(one=b"a" * 511, two=b"a" * 511, three=b"a" * 512)
        self.assertReply(511, "LCS", "one", "two", "LEN")
        self.assertError(text, "LCS", "one", "three", "LEN")
