"""Tests for L{tseep.commands.data.keys}: the commands on keys and databases."""

from __future__ import annotations

from unittest import mock

from tseep.commands import arguments
from tseep.commands.data import keys
from tseep.errors import CommandError
from tseep.keyspace.database import Database
from tseep.test.support import START, Argument, SessionTests

NOT_AN_INTEGER = "ERR value is not an integer or out of range"
NOT_AN_INT = "ERR value is out of range, value must between -2147483648 and 2147483647"
NO_DATABASE = "ERR DB index is out of range"
SAME_OBJECT = "ERR source and destination objects are the same"
NO_LFU = (
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when"
    " switching between policies at runtime LRU and LFU data will take some time to adjust."
)


class KeysTests(SessionTests):
    """Base of tests that start with the keys a, b and c."""

    def setUp(self) -> None:
        super().setUp()
        for key in (b"a", b"b", b"c"):
            self.db.set(key, b"value of " + key)

    @property
    def db(self) -> Database:
        return self.session.db

    def other(self, index: int = 1) -> Database:
        """Return a database other than the selected one."""
        return self.server.keyspace.databases[index]

    def assertKeys(self, *expected: bytes) -> None:
        """Assert that the database holds exactly these keys."""
        self.assertEqual(sorted(expected), sorted(self.run_command("KEYS", "*")))

    def expire_in(self, key: bytes, milliseconds: int) -> None:
        """Give a key a time to live."""
        self.db.expire_at(key, self.server.keyspace.now + milliseconds)


class PresenceTests(KeysTests):
    """DEL, UNLINK, EXISTS, TOUCH and TYPE."""

    def test_remove(self) -> None:
        """DEL and UNLINK remove existing keys and return their number."""
        for name in ("DEL", "UNLINK"):
            self.setUp()
            self.assertReply(2, name, "a", "b", "none", "a")
            self.assertKeys(b"c")

    def test_remove_expired(self) -> None:
        """DEL and EXISTS do not count an expired key."""
        self.expire_in(b"a", 10)
        self.pass_time(1)
        self.assertReply(0, "EXISTS", "a")
        self.assertReply(0, "DEL", "a")

    def test_exists(self) -> None:
        """EXISTS counts a repeated key each time."""
        self.assertReply(3, "EXISTS", "a", "a", "none", "b")

    def test_touch(self) -> None:
        """TOUCH counts existing keys and updates their access time; EXISTS and TYPE do not update it."""
        self.pass_time(10)
        self.assertReply(1, "EXISTS", "b")
        self.assertReply("string", "TYPE", "b")
        self.assertReply(2, "TOUCH", "a", "none", "c")
        self.assertEqual([0, 10, 0], [self.run_command("OBJECT", "IDLETIME", key) for key in "abc"])

    def test_type(self) -> None:
        """TYPE returns string, also for a value that was changed in place, and none for a missing key."""
        self.run_command("APPEND", "a", "more")
        self.assertReply("string", "TYPE", "a")
        self.assertReply("string", "TYPE", "b")
        self.assertReply("none", "TYPE", "nothing")

    def test_hits_and_misses(self) -> None:
        """Commands that read keys count hits and misses; commands that change keys do not."""
        for argv in ("EXISTS a none", "TOUCH a none", "TYPE a", "TTL none", "OBJECT ENCODING a", "COPY a d"):
            self.run_command(*argv.split())
        self.assertEqual((5, 3), (self.server.keyspace.hits, self.server.keyspace.misses))
        for argv in ("DEL none", "PERSIST b", "EXPIRE b 100", "RENAME b e", "MOVE e 1", "RANDOMKEY", "KEYS *"):
            self.run_command(*argv.split())
        self.assertEqual((5, 3), (self.server.keyspace.hits, self.server.keyspace.misses))


class WalkTests(KeysTests):
    def scan_all(self, *options: Argument) -> list[bytes]:
        """Return all keys that a full iteration of SCAN with these options returns, sorted."""
        cursor, found = b"0", []
        for _ in range(1000):
            cursor, part = self.run_command("SCAN", cursor, *options)
            found += part
            if cursor == b"0":
                return sorted(found)
        raise AssertionError("SCAN does not end")

    def test_keys(self) -> None:
        """KEYS returns the keys that match and have not expired."""
        self.db.set(b"", b"the empty key")
        self.assertKeys(b"a", b"b", b"c", b"")
        self.assertEqual([b"a", b"b"], sorted(self.run_command("KEYS", "[ab]")))
        self.expire_in(b"b", 10)
        self.pass_time(1)
        self.assertReply([b"a"], "KEYS", "[ab]")
        self.assertReply([], "KEYS", "nope")

    def test_scan(self) -> None:
        """SCAN returns all keys in a full iteration, COUNT keys in each step."""
        names = sorted(b"key:%d" % number for number in range(50))
        self.db.flush()
        for name in names:
            self.db.set(name, b"value")
        self.assertEqual(names, self.scan_all())
        self.assertEqual(names, self.scan_all("COUNT", 3))
        self.assertEqual(10, len(self.run_command("SCAN", 0)[1]))
        self.assertEqual(3, len(self.run_command("SCAN", 0, "count", 3)[1]))
        self.assertEqual(b"0", self.run_command("SCAN", 0, "COUNT", 2**63 - 1)[0])

    def test_scan_filters(self) -> None:
        """SCAN omits keys that do not match MATCH and TYPE, and expired keys."""
        self.assertEqual([b"a", b"c"], self.scan_all("MATCH", "[ac]"))
        self.assertEqual([b"a", b"b", b"c"], self.scan_all("TYPE", "STRING"))
        self.assertEqual([], self.scan_all("TYPE", "list"))
        self.assertEqual([b"b"], self.scan_all("match", "b", "type", "string", "count", 1))
        self.expire_in(b"a", 10)
        self.pass_time(1)
        self.assertEqual([b"c"], self.scan_all("MATCH", "[ac]"))

    def test_scan_cursors(self) -> None:
        """A cursor is an unsigned 64-bit integer as strtoul parses it: with a sign, with leading zeros, or empty."""
        for text in (b"0", b"", b"+0", b"-0", b"000", b"0\0x", b"0" * 5000, b"-18446744073709551615"):
            self.assertEqual(b"0", self.run_command("SCAN", text)[0])
        for text in (b"x", b"-", b" 0", b"0 ", b"0x", b"1.5", b"18446744073709551616", b"9" * 5000):
            self.assertError("ERR invalid cursor", "SCAN", text)
        for number in (1, 10, 12345, 2**64 - 1):
            self.assertReply([b"0", []], "SCAN", number)
        self.assertEqual(2**64 - 2, arguments.read_cursor(b"-2"))

    def test_scan_errors(self) -> None:
        """SCAN refuses unknown, incomplete and invalid options."""
        self.assertError("ERR syntax error", "SCAN", 0, "COUNT", 0)
        self.assertError("ERR syntax error", "SCAN", 0, "COUNT")
        self.assertError("ERR syntax error", "SCAN", 0, "FOO", 1)
        self.assertError(NOT_AN_INTEGER, "SCAN", 0, "COUNT", "x")
        self.assertError("ERR invalid cursor", "SCAN", "x", "FOO")

    def test_randomkey(self) -> None:
        """RANDOMKEY returns any of the keys, and null if there are none."""
        self.assertEqual({b"a", b"b", b"c"}, {self.run_command("RANDOMKEY") for _ in range(200)})
        self.db.flush()
        self.assertReply(None, "RANDOMKEY")

    def test_randomkey_never_expired(self) -> None:
        """RANDOMKEY finds the only key that has not expired among many that have."""
        for number in range(1000):
            self.db.set(b"%d" % number, b"value")
            self.expire_in(b"%d" % number, 10)
        self.run_command("DEL", "a", "b")
        self.pass_time(1)
        with mock.patch.object(keys, "RANDOM_TRIES", 1):
            self.assertReply(b"c", "RANDOMKEY")
        self.run_command("DEL", "c")
        self.assertReply(None, "RANDOMKEY")


class NameTests(KeysTests):
    def test_rename(self) -> None:
        """RENAME moves value and time to live, and replaces those of an existing key."""
        self.expire_in(b"a", 5000)
        self.assertReply("OK", "RENAME", "a", "new")
        self.assertReply(5000, "PTTL", "new")
        self.assertReply("OK", "RENAME", "b", "new")
        self.assertReply(-1, "PTTL", "new")
        self.assertReply(b"value of b", "GET", "new")
        self.assertKeys(b"new", b"c")

    def test_rename_during_scan(self) -> None:
        """RENAME to an existing key keeps it where a running SCAN returns it."""
        cursor, _ = self.run_command("SCAN", 0, "COUNT", 2)
        self.run_command("RENAME", "c", "a")
        self.assertIn(b"a", self.run_command("SCAN", cursor)[1])

    def test_rename_itself(self) -> None:
        """RENAME to the same name keeps the key; RENAMENX returns 0."""
        self.expire_in(b"a", 5000)
        self.assertReply("OK", "RENAME", "a", "a")
        self.assertReply(0, "RENAMENX", "a", "a")
        self.assertReply(5000, "PTTL", "a")

    def test_renamenx(self) -> None:
        """RENAMENX renames only to a name that does not exist."""
        self.assertReply(0, "RENAMENX", "a", "b")
        self.assertReply(b"value of b", "GET", "b")
        self.assertReply(1, "RENAMENX", "a", "new")
        self.assertKeys(b"b", b"c", b"new")

    def test_rename_nothing(self) -> None:
        """RENAME and RENAMENX refuse a missing key, even under the same name."""
        self.assertError("ERR no such key", "RENAME", "none", "a")
        self.assertError("ERR no such key", "RENAMENX", "none", "none")

    def test_copy(self) -> None:
        """COPY copies value and time to live to a new key, or with REPLACE to an existing one."""
        self.expire_in(b"a", 5000)
        self.assertReply(0, "COPY", "none", "d")
        self.assertReply(0, "COPY", "a", "b")
        self.assertReply(1, "COPY", "a", "d")
        self.assertReply(5000, "PTTL", "d")
        self.assertReply(1, "COPY", "a", "b", "replace")
        self.assertReply(b"value of a", "GET", "b")
        self.assertReply(1, "COPY", "c", "b", "REPLACE")
        self.assertReply(-1, "PTTL", "b")

    def test_copy_database(self) -> None:
        """COPY DB copies to another database, also under the same name; the last DB applies."""
        self.assertReply(1, "COPY", "a", "a", "DB", 1)
        self.assertReply(0, "COPY", "b", "a", "DB", 2, "DB", 1)
        self.assertReply(1, "COPY", "b", "a", "DB", 1, "REPLACE")
        self.assertEqual({b"a": b"value of b"}, self.other().values)
        self.assertEqual({}, self.other(2).values)

    def test_copy_shares_nothing(self) -> None:
        """A copy of a string that is changed in place is independent of the original."""
        self.run_command("APPEND", "a", "!")
        self.assertReply(1, "COPY", "a", "d")
        self.run_command("APPEND", "a", "?")
        self.run_command("APPEND", "d", ".")
        self.assertReply(b"value of a!?", "GET", "a")
        self.assertReply(b"value of a!.", "GET", "d")

    def test_copy_errors(self) -> None:
        """COPY refuses the same key and invalid options."""
        self.assertError(SAME_OBJECT, "COPY", "a", "a")
        self.assertError(SAME_OBJECT, "COPY", "a", "a", "DB", 0, "REPLACE")
        self.assertError("ERR syntax error", "COPY", "a", "b", "DB")
        self.assertError("ERR syntax error", "COPY", "a", "b", "FOO")
        self.assertError(NOT_AN_INTEGER, "COPY", "a", "b", "DB", "x")
        self.assertError(NO_DATABASE, "COPY", "a", "b", "DB", 16)

    def test_move(self) -> None:
        """MOVE moves a key with its time to live to a database without that key."""
        self.expire_in(b"a", 5000)
        self.assertReply(1, "MOVE", "a", 1)
        self.assertKeys(b"b", b"c")
        self.assertEqual({b"a": START * 1000 + 5000}, self.other().expires)
        self.other().set(b"b", b"there")
        self.assertReply(0, "MOVE", "b", 1)
        self.assertReply(0, "MOVE", "none", 1)
        self.assertEqual(b"there", self.other().values[b"b"])

    def test_move_errors(self) -> None:
        """MOVE refuses the same database and invalid indexes."""
        self.assertError(SAME_OBJECT, "MOVE", "a", 0)
        self.assertError(NO_DATABASE, "MOVE", "a", 16)
        self.assertError(NO_DATABASE, "MOVE", "a", -1)
        self.assertError(NOT_AN_INTEGER, "MOVE", "a", "x")
        self.assertError(NOT_AN_INT, "MOVE", "a", 2**31)


class DatabasesTests(KeysTests):
    def test_dbsize(self) -> None:
        """DBSIZE returns the number of keys in the selected database."""
        self.assertReply(3, "DBSIZE")
        self.session.select(1)
        self.assertReply(0, "DBSIZE")

    def test_flush(self) -> None:
        """FLUSHDB empties the selected database, FLUSHALL all databases."""
        self.other().set(b"key", b"value")
        self.assertReply("OK", "FLUSHDB", "ASYNC")
        self.assertEqual((0, 1), (len(self.db), len(self.other())))
        self.assertReply("OK", "FLUSHALL", "sync")
        self.assertEqual(0, len(self.other()))

    def test_flush_errors(self) -> None:
        """FLUSHDB and FLUSHALL refuse other options and then remove nothing."""
        for name in ("FLUSHDB", "FLUSHALL"):
            self.assertError("ERR syntax error", name, "NOW")
            self.assertError("ERR syntax error", name, "SYNC", "ASYNC")
        self.assertReply(3, "DBSIZE")

    def test_swapdb(self) -> None:
        """SWAPDB exchanges two databases for all clients."""
        client = self.connect()
        client.select(1)
        self.assertReply("OK", "SWAPDB", 0, 1)
        self.assertReply(0, "DBSIZE")
        self.assertReply(3, "DBSIZE", session=client)
        self.assertReply("OK", "SWAPDB", 1, 1)
        self.assertReply(3, "DBSIZE", session=client)

    def test_swapdb_errors(self) -> None:
        """The errors of SWAPDB name the invalid index."""
        self.assertError("ERR invalid first DB index", "SWAPDB", "x", "y")
        self.assertError("ERR invalid second DB index", "SWAPDB", 99, 2**31)
        self.assertError(NO_DATABASE, "SWAPDB", 0, 99)


class ExpiryTests(KeysTests):
    """EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, TTL and PERSIST."""

    def test_expire(self) -> None:
        """Each command sets the expire time in its own unit, relative or absolute."""
        now = START * 1000
        for name, argument, expected in (
            ("EXPIRE", 100, now + 100_000),
            ("PEXPIRE", 1500, now + 1500),
            ("EXPIREAT", START + 7, now + 7000),
            ("PEXPIREAT", now + 1, now + 1),
        ):
            self.assertReply(1, name, "a", argument)
            self.assertReply(expected, "PEXPIRETIME", "a")
            self.assertReply(0, name, "none", argument)

    def test_past(self) -> None:
        """An expire time that is not in the future deletes the key."""
        now = START * 1000
        for name, argument in (
            ("EXPIRE", 0),
            ("EXPIRE", -1),
            ("PEXPIRE", -(2**63)),
            ("EXPIREAT", START),
            ("PEXPIREAT", now),
            ("PEXPIREAT", -1),
        ):
            self.db.set(b"key", b"value")
            self.assertReply(1, name, "key", argument)
            self.assertReply(0, "EXISTS", "key")

    def test_overflow(self) -> None:
        """An expire time beyond 64-bit milliseconds is refused with the command's name."""
        for name, argument in (
            ("EXPIRE", 2**63 // 1000 + 1),
            ("EXPIRE", 2**63 // 1000),
            ("EXPIRE", -(2**63) // 1000 - 1),
            ("PEXPIRE", 2**63 - 1),
            ("EXPIREAT", 2**63 // 1000 + 1),
        ):
            self.assertError(f"ERR invalid expire time in '{name.lower()}' command", name, "a", argument)
        self.assertReply(1, "PEXPIREAT", "a", 2**63 - 1)
        self.assertReply(2**63 - 1, "PEXPIRETIME", "a")

    def test_not_a_number(self) -> None:
        """An argument that is not an integer is refused, but unknown options are refused first."""
        self.assertError(NOT_AN_INTEGER, "EXPIRE", "a", "x")
        self.assertError(NOT_AN_INTEGER, "PEXPIREAT", "a", "1.5", "NX")
        self.assertError("ERR Unsupported option Foo", "EXPIRE", "a", "x", "Foo")

    def test_conditions(self) -> None:
        """NX, XX, GT and LT compare with the current expire time; no expire time is later than all others."""
        for option, without, before, same, after in (
            ("NX", 1, 0, 0, 0),
            ("XX", 0, 1, 1, 1),
            ("gt", 0, 0, 0, 1),
            ("LT", 1, 1, 0, 0),
        ):
            self.db.set(b"key", b"value")
            self.assertReply(without, "EXPIRE", "key", 100, option)
            for seconds, expected in ((50, before), (100, same), (200, after)):
                self.run_command("EXPIRE", "key", 100)
                self.assertReply(expected, "EXPIRE", "key", seconds, option)
                self.assertReply(seconds if expected else 100, "TTL", "key")

    def test_two_conditions(self) -> None:
        """XX can be combined with GT or LT, and a repeated condition is accepted."""
        self.assertReply(0, "EXPIRE", "a", 100, "XX", "LT")
        self.assertReply(1, "EXPIRE", "a", 100, "NX", "nx")
        self.assertReply(1, "EXPIRE", "a", 50, "LT", "XX")

    def test_conflicts(self) -> None:
        """Conditions that exclude each other are refused."""
        text = "ERR NX and XX, GT or LT options at the same time are not compatible"
        for option in ("XX", "GT", "LT"):
            self.assertError(text, "EXPIRE", "a", 1, "NX", option)
        text = "ERR GT and LT options at the same time are not compatible"
        self.assertError(text, "EXPIRE", "a", 1, "GT", "LT")

    def test_condition_and_past(self) -> None:
        """A time in the past does not delete the key if the condition is not met."""
        self.assertReply(0, "EXPIRE", "a", -1, "XX")
        self.assertReply(1, "EXPIRE", "a", -1, "LT")
        self.assertKeys(b"b", b"c")

    def test_ttl(self) -> None:
        """TTL and EXPIRETIME round to the nearest second; PTTL and PEXPIRETIME are exact."""
        self.run_command("PEXPIRE", "a", 1500)
        self.run_command("PEXPIRE", "b", 1499)
        self.assertEqual([2, 1], [self.run_command("TTL", key) for key in "ab"])
        self.assertEqual([1500, 1499], [self.run_command("PTTL", key) for key in "ab"])
        self.assertEqual([START + 2, START + 1], [self.run_command("EXPIRETIME", key) for key in "ab"])
        self.assertReply(START * 1000 + 1499, "PEXPIRETIME", "b")
        self.pass_time(1.5)
        self.assertReply(0, "TTL", "a")
        self.assertReply(-2, "TTL", "b")

    def test_ttl_of_none(self) -> None:
        """TTL, PTTL, EXPIRETIME and PEXPIRETIME return -1 without an expire time, and -2 for a missing key."""
        for name in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"):
            self.assertReply(-1, name, "a")
            self.assertReply(-2, name, "none")

    def test_persist(self) -> None:
        """PERSIST removes the expire time and returns 1, or 0 if there was none."""
        self.expire_in(b"a", 5000)
        self.assertReply(1, "PERSIST", "a")
        self.assertReply(0, "PERSIST", "a")
        self.assertReply(0, "PERSIST", "none")
        self.pass_time(10)
        self.assertReply(1, "EXISTS", "a")

    def test_persist_expired(self) -> None:
        """PERSIST does not restore an expired key."""
        self.expire_in(b"a", 5000)
        self.pass_time(10)
        self.assertReply(0, "PERSIST", "a")
        self.assertReply(0, "EXISTS", "a")


class ObjectTests(KeysTests):
    def test_encoding(self) -> None:
        """OBJECT ENCODING is int for a canonical integer, embstr if short, raw if long or changed in place."""
        for value, expected in (
            (b"0", b"int"),
            (b"-9223372036854775808", b"int"),
            (b"9223372036854775808", b"embstr"),
            (b"007", b"embstr"),
            (b"", b"embstr"),
            (b"x" * 44, b"embstr"),
            (b"x" * 45, b"raw"),
        ):
            self.db.set(b"key", value)
            self.assertReply(expected, "OBJECT", "ENCODING", "key")
        self.run_command("APPEND", "a", "!")
        self.assertReply(b"raw", "object", "encoding", "a")

    def test_refcount(self) -> None:
        """OBJECT REFCOUNT is 1, except for the integers that Redis shares."""
        shared = 2147483647
        for value, expected in ((b"0", shared), (b"9999", shared), (b"10000", 1), (b"-1", 1), (b"text", 1)):
            self.db.set(b"key", value)
            self.assertReply(expected, "OBJECT", "REFCOUNT", "key")
        self.db.set(b"key", b"0")
        for maxmemory, policy, expected in (
            ("1gb", "allkeys-lru", 1), ("1gb", "volatile-lfu", 1), ("1gb", "allkeys-random", shared),
            ("0", "allkeys-lru", shared),
        ):  # fmt: skip
            self.run_command("CONFIG", "SET", "maxmemory", maxmemory, "maxmemory-policy", policy)
            self.assertReply(expected, "OBJECT", "REFCOUNT", "key")

    def test_idletime(self) -> None:
        """OBJECT IDLETIME returns the seconds since the last access and does not update the access time."""
        self.pass_time(3.5)
        self.assertReply(3, "OBJECT", "IDLETIME", "a")
        self.pass_time(1)
        self.assertReply(4, "OBJECT", "IDLETIME", "a")
        self.run_command("GET", "a")
        self.assertReply(0, "OBJECT", "IDLETIME", "a")

    def test_freq(self) -> None:
        """OBJECT FREQ is refused without an LFU policy."""
        self.assertError(NO_LFU, "OBJECT", "FREQ", "a")

    def test_nothing(self) -> None:
        """OBJECT's subcommands return null for a missing key."""
        for name in ("ENCODING", "REFCOUNT", "IDLETIME", "FREQ"):
            self.assertReply(None, "OBJECT", name, "none")

    def test_null_in_resp3(self) -> None:
        """In RESP3 OBJECT's null has the null type."""
        self.session.set_protocol(3)
        self.assertEqual(b"_\r\n", self.send("OBJECT", "ENCODING", "none"))

    def test_wrong_calls(self) -> None:
        """OBJECT refuses unknown subcommands and wrong numbers of arguments."""
        self.assertError("ERR unknown subcommand 'FOO'. Try OBJECT HELP.", "OBJECT", "FOO", "a")
        self.assertError("ERR wrong number of arguments for 'object' command", "OBJECT")
        self.assertError("ERR wrong number of arguments for 'object|encoding' command", "OBJECT", "ENCODING")


class SharedTests(KeysTests):
    def test_database_index(self) -> None:
        """L{database_index<arguments.database_index>} returns the index of an existing database."""
        self.assertEqual(15, arguments.database_index(self.session, b"15"))
        error = self.assertRaises(CommandError, arguments.database_index, self.session, b"16")
        self.assertEqual(NO_DATABASE.encode(), error.message)
