"""Tests of OBJECT ENCODING and of the order of small values: which commands convert a value, and which choose anew."""

from __future__ import annotations

from tseep.test.support import Argument, SessionTests


class EncodingTests(SessionTests):
    """A value changes to the general encoding when it grows, and never back."""

    config = {
        "hash_max_listpack_entries": "3",
        "hash_max_listpack_value": "5",
        "set_max_intset_entries": "3",
        "zset_max_listpack_entries": "3",
        "zset_max_listpack_value": "5",
    }

    def assertEncoding(self, expected: bytes, *argv: Argument) -> None:
        """Assert the encoding of the key C{k} after a command."""
        self.run_command(*argv)
        self.assertReply(expected, "OBJECT", "ENCODING", "k")

    def test_hash(self) -> None:
        """Each command that sets a field converts a listpack that becomes too large, and no command converts back."""
        long, beside = "x" * 6, b"listpack"
        for argv in (
            ["HSET", "k", "f", long], ["HSET", "k", long, "v"], ["HSET", "k", "a", "v", "f", long],
            ["HSET", "k", "a", 1, "b", 2, "c", 3, "d", 4], ["HMSET", "k", "f", long], ["HSETNX", "k", "f", long],
            ["HINCRBY", "k", "f", 123456], ["HINCRBY", "k", long, 1], ["HINCRBYFLOAT", "k", "f", "1.2345"],
        ):  # fmt: skip
            self.assertEncoding(beside, "HSET", "k", "z", 1)
            self.assertEncoding(b"hashtable", *argv)
            self.assertEncoding(b"hashtable", "HDEL", "k", *self.run_command("HKEYS", "k")[1:])
            self.run_command("DEL", "k")
        self.assertEncoding(beside, "HSET", "k", "a", "55555", "b", 2, "55555", 3)
        self.assertEncoding(b"hashtable", "HSET", "k", "d", 4)

    def test_set(self) -> None:
        """SADD and SMOVE convert an intset that gets another member or too many; SREM and SPOP do not convert back."""
        self.run_command("SADD", "other", "word")
        growing: list[list[Argument]] = [["SADD", "k", "word"], ["SADD", "k", 2, 3, 4], ["SMOVE", "other", "k", "word"]]
        for argv in growing:
            self.assertEncoding(b"intset", "SADD", "k", 1)
            self.assertEncoding(b"hashtable", *argv)
            self.assertEncoding(b"hashtable", "SREM", "k", "word", 2, 3, 4)
            self.run_command("DEL", "k")
        self.assertEncoding(b"hashtable", "SADD", "k", 1, 2, 3, 4)
        self.assertEncoding(b"hashtable", "SPOP", "k")

    def test_sorted_set(self) -> None:
        """Each command that adds a member converts a listpack that becomes too large; ZREM does not convert back."""
        growing: list[list[Argument]] = [
            ["ZADD", "k", 1, "x" * 6], ["ZADD", "k", 1, "b", 2, "c", 3, "d"], ["ZINCRBY", "k", 1, "x" * 6],
            ["GEOADD", "k", 1, 1, "x" * 6],
        ]  # fmt: skip
        for argv in growing:
            self.assertEncoding(b"listpack", "ZADD", "k", 1, "a")
            self.assertEncoding(b"skiplist", *argv)
            self.assertEncoding(b"skiplist", "ZREM", "k", "b", "c", "d")
            self.run_command("DEL", "k")
        self.assertEncoding(b"skiplist", "ZADD", "k", 1, "x" * 6)

    def test_existing_values(self) -> None:
        """CONFIG SET, also with the parameters' old names, acts when a value grows, not on a value as it is."""
        self.run_command("HSET", "k", "a", 1, "b", 2)
        self.run_command("CONFIG", "SET", "hash-max-ziplist-entries", 1)
        self.assertEncoding(b"listpack", "HDEL", "k", "b")
        self.assertEncoding(b"hashtable", "HSET", "k", "b", 2)
        self.run_command("CONFIG", "SET", "hash-max-listpack-entries", 100)
        self.assertEncoding(b"hashtable", "HSET", "k", "b", 3)

    def test_chosen_anew(self) -> None:
        """DUMP with RESTORE and commands that store a result choose the encoding anew; COPY and RENAME keep it."""
        self.run_command("SADD", "ints", 1, "word")
        self.run_command("SREM", "ints", "word")
        self.run_command("ZADD", "scores", 1, 1, 2, "x" * 6)
        self.run_command("ZREM", "scores", "x" * 6)
        self.run_command("SADD", "s", 2, 3, 4)
        self.run_command("HSET", "fields", "f", "x" * 6)
        self.run_command("HSET", "fields", "f", 1)
        for key, compact, general in (
            ("ints", b"intset", b"hashtable"), ("scores", b"listpack", b"skiplist"),
            ("fields", b"listpack", b"hashtable"),
        ):  # fmt: skip
            self.assertEncoding(general, "COPY", key, "k", "REPLACE")
            self.assertEncoding(general, "RENAME", "k", "k")
            self.assertEncoding(compact, "RESTORE", "k", 0, self.run_command("DUMP", key), "REPLACE")
        for name in ("SUNIONSTORE", "SINTERSTORE", "SDIFFSTORE"):
            self.assertEncoding(b"intset", name, "k", "ints")
        self.assertEncoding(b"listpack", "ZUNIONSTORE", "k", 1, "scores")
        self.assertEncoding(b"listpack", "ZRANGESTORE", "k", "scores", 0, -1)
        self.assertEncoding(b"skiplist", "ZUNIONSTORE", "k", 2, "scores", "s")

    def test_negative_zero(self) -> None:
        """The score -0 is 0 in a listpack."""
        self.run_command("ZADD", "k", "-0", "a", "0", "b")
        self.assertReply([b"a", b"0", b"b", b"0"], "ZRANGE", "k", 0, -1, "WITHSCORES")
        self.run_command("ZADD", "k", 1, "x" * 6)
        self.run_command("ZADD", "k", "-0", "c")
        self.assertReply(b"-0", "ZSCORE", "k", "c")


class OrderTests(SessionTests):
    """Small values are replied in the order in which Redis keeps them."""

    def test_integers(self) -> None:
        """A small set of integers is ordered by number, and so are the results of SUNION and SDIFF."""
        self.run_command("SADD", "s", 3, 1, 2, 10, -5)
        self.run_command("SADD", "t", 20, 2, "-7")
        ordered = [b"-5", b"1", b"2", b"3", b"10"]
        for argv in (
            ["SMEMBERS", "s"], ["SRANDMEMBER", "s", 9], ["SORT", "s", "BY", "nosort"], ["SINTER", "s"],
            ["SUNION", "s"], ["SDIFF", "s"],
        ):  # fmt: skip
            self.assertReply(ordered, *argv)
        self.assertReply([b"0", ordered], "SSCAN", "s", 0, "COUNT", 1)
        self.assertReply([b"-7", b"-5", b"1", b"2", b"3", b"10", b"20"], "SUNION", "s", "t")
        self.assertReply([b"-5", b"1", b"3", b"10"], "SDIFF", "s", "t")
        self.assertReply(ordered, "SPOP", "s", 9)

    def test_order_after_conversion(self) -> None:
        """SUNION orders integers by number that come from a hashtable."""
        self.run_command("SADD", "s", 30, 4, "word", 5)
        self.run_command("SREM", "s", "word")
        self.assertReply([b"4", b"5", b"30"], "SUNION", "s")

    def test_fields(self) -> None:
        """A hash is ordered by the insertion of its fields, which a new value does not change."""
        self.run_command("HSET", "h", "b", 1, "a", 2, "c", 3)
        self.run_command("HSET", "h", "b", 4)
        self.assertReply([b"0", [b"b", b"4", b"a", b"2", b"c", b"3"]], "HSCAN", "h", 0, "COUNT", 1)
        self.assertReply([b"b", b"a", b"c"], "HRANDFIELD", "h", 9)

    def test_scores(self) -> None:
        """ZSCAN returns a small sorted set by score, ZRANDMEMBER from the highest score down."""
        self.run_command("ZADD", "z", 3, "a", 1, "b", 2, "c")
        self.assertReply([b"0", [b"b", b"1", b"c", b"2", b"a", b"3"]], "ZSCAN", "z", 0, "COUNT", 1)
        self.assertReply([b"a", b"c", b"b"], "ZRANDMEMBER", "z", 9)
