"""Tests for L{tseep.commands.data.hashes}: the commands on hashes."""

from __future__ import annotations

from tseep.test.support import SessionTests

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"


class HashesTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.assertReply(2, "HSET", "h", "f", "1", "g", "text")

    def test_set(self) -> None:
        """HSET returns the number of new fields, HMSET OK, and HSETNX keeps an existing field."""
        self.assertReply(1, "HSET", "h", "f", "2", "i", "3")
        self.assertReply("OK", "HMSET", "h", "f", "4")
        self.assertReply(0, "HSETNX", "h", "f", "5")
        self.assertReply(1, "HSETNX", "new", "f", "5")
        self.assertReply(b"4", "HGET", "h", "f")
        self.assertError("ERR wrong number of arguments for 'hset' command", "HSET", "h", "f", "1", "g")

    def test_get(self) -> None:
        """Reads of one field, of several, of all, and of names and values alone."""
        self.assertReply(None, "HGET", "h", "none")
        self.assertReply(None, "HGET", "none", "f")
        self.assertReply([b"1", None], "HMGET", "h", "f", "none")
        self.assertReply([None], "HMGET", "none", "f")
        self.assertReply([b"f", b"1", b"g", b"text"], "HGETALL", "h")
        self.assertReply([b"f", b"g"], "HKEYS", "h")
        self.assertReply([b"1", b"text"], "HVALS", "h")
        self.assertReply(2, "HLEN", "h")
        self.assertReply(1, "HEXISTS", "h", "f")
        self.assertReply(4, "HSTRLEN", "h", "g")

    def test_resp3(self) -> None:
        """In RESP3 HGETALL returns a map, and HRANDFIELD WITHVALUES pairs."""
        self.run_command("HELLO", 3)
        self.assertReply({b"f": b"1", b"g": b"text"}, "HGETALL", "h")
        self.run_command("HDEL", "h", "g")
        self.assertReply([[b"f", b"1"]], "HRANDFIELD", "h", "5", "WITHVALUES")

    def test_delete(self) -> None:
        """HDEL removes fields, and with the last field the key."""
        self.assertReply(1, "HDEL", "h", "f", "none", "f")
        self.assertReply(1, "HDEL", "h", "g")
        self.assertReply(0, "EXISTS", "h")
        self.assertReply(0, "HDEL", "h", "g")

    def test_increment(self) -> None:
        """HINCRBY and HINCRBYFLOAT add to a number, 0 for a missing field, and refuse other values."""
        self.assertReply(6, "HINCRBY", "h", "f", "5")
        self.assertReply(-3, "HINCRBY", "h", "new", "-3")
        self.assertError("ERR hash value is not an integer", "HINCRBY", "h", "g", "1")
        self.assertError("ERR increment or decrement would overflow", "HINCRBY", "h", "f", str(2**63 - 1))
        self.assertReply(b"6.5", "HINCRBYFLOAT", "h", "f", "0.5")
        self.assertError("ERR hash value is not a float", "HINCRBYFLOAT", "h", "g", "1")
        self.assertError("ERR value is NaN or Infinity", "HINCRBYFLOAT", "h", "f", "inf")

    def test_random(self) -> None:
        """HRANDFIELD returns different fields, or with a negative count any number of fields."""
        self.assertIn(self.run_command("HRANDFIELD", "h"), (b"f", b"g"))
        self.assertEqual({b"f", b"g"}, set(self.run_command("HRANDFIELD", "h", "5")))
        self.assertEqual(1, len(self.run_command("HRANDFIELD", "h", "1")))
        self.assertEqual(7, len(self.run_command("HRANDFIELD", "h", "-7")))
        self.assertReply(None, "HRANDFIELD", "none")
        self.assertReply([], "HRANDFIELD", "none", "3")

    def test_scan(self) -> None:
        """HSCAN returns every field in a full iteration."""
        for number in range(50):
            self.run_command("HSET", "big", f"f{number}", number)
        cursor, met = b"0", []
        while True:
            cursor, part = self.run_command("HSCAN", "big", cursor.decode(), "COUNT", "7")
            met += part[::2]
            if cursor == b"0":
                break
        self.assertEqual({b"f%d" % number for number in range(50)}, set(met))
        self.assertReply([b"0", [b"f7", b"7"]], "HSCAN", "big", "0", "COUNT", "99", "MATCH", "f7")

    def test_expiry_stays(self) -> None:
        """HSET keeps the key's time to live."""
        self.run_command("EXPIRE", "h", "100")
        self.run_command("HSET", "h", "f", "2")
        self.assertReply(100, "TTL", "h")

    def test_wrong_type(self) -> None:
        """Hash commands refuse a key of another type and do not change it."""
        self.run_command("SET", "s", "x")
        for call in ("HGET s f", "HSET s f 1", "HDEL s f", "HLEN s", "HGETALL s", "HSCAN s 0", "HINCRBY s f 1"):
            self.assertError(WRONG_TYPE, *call.split())
        self.assertReply(b"x", "GET", "s")
        self.assertError(WRONG_TYPE, "GET", "h")
        self.assertReply("hash", "TYPE", "h")
