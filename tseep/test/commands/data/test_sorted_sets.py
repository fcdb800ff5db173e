"""Tests for L{tseep.commands.data.sorted_sets}: commands on one sorted set, and blocking ones.

tests/differential/test_differential.py compares with redis-server.
"""

from __future__ import annotations

from tseep.commands.data.sorted_sets import NO_NUMBER
from tseep.test.support import SessionTests


class SortedSetsTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.assertReply(3, "ZADD", "z", 1, "a", 2, "b", 3, "c")

    def test_options(self) -> None:
        """ZADD's options select the members to update, and the number that is returned."""
        self.assertReply(1, "ZADD", "z", "NX", 9, "a", 9, "d")
        self.assertReply(0, "ZADD", "z", "XX", 9, "e")
        self.assertReply(1, "ZADD", "z", "GT", "CH", 5, "a", 1, "b")
        self.assertReply(None, "ZADD", "z", "LT", "INCR", 1, "a")
        self.assertReply(b"6", "ZADD", "z", "INCR", 1, "a")
        self.assertReply([b"b", b"2", b"c", b"3", b"a", b"6", b"d", b"9"], "ZRANGE", "z", 0, -1, "WITHSCORES")

    def test_no_number(self) -> None:
        """ZINCRBY refuses a sum of opposite infinities and changes nothing."""
        self.run_command("ZADD", "z", "inf", "a")
        self.assertError(NO_NUMBER, "ZINCRBY", "z", "-inf", "a")
        self.assertReply(b"inf", "ZSCORE", "z", "a")

    def test_all_or_nothing(self) -> None:
        """ZADD with one invalid score adds no member."""
        self.assertError("ERR value is not a valid float", "ZADD", "new", 1, "a", "x", "b")
        self.assertReply(0, "EXISTS", "new")

    def test_empty(self) -> None:
        """ZREM of the last member deletes the key."""
        self.assertReply(3, "ZREM", "z", "a", "b", "c", "d")
        self.assertReply(0, "EXISTS", "z")

    def test_random(self) -> None:
        """ZRANDMEMBER returns different members, or with a negative count any number of members."""
        for _ in range(20):
            self.assertIn(self.run_command("ZRANDMEMBER", "z"), (b"a", b"b", b"c"))
            self.assertEqual(2, len(set(self.run_command("ZRANDMEMBER", "z", 2))))
            self.assertEqual(7, len(self.run_command("ZRANDMEMBER", "z", -7)))
        self.assertReply([b"c", b"3", b"b", b"2", b"a", b"1"], "ZRANDMEMBER", "z", 5, "WITHSCORES")

    def test_resp3(self) -> None:
        """In RESP3 scores are doubles, in pairs with their members."""
        self.run_command("HELLO", 3)
        self.assertReply(1.0, "ZSCORE", "z", "a")
        self.assertReply([[b"a", 1.0], [b"b", 2.0]], "ZRANGE", "z", 0, 1, "WITHSCORES")
        self.assertReply([b"c", 3.0], "ZPOPMAX", "z")
        self.assertReply([[b"b", 2.0]], "ZPOPMAX", "z", 1)

    def test_block(self) -> None:
        """BZPOPMIN is served after the command that adds members, with the lowest score."""
        waiter = self.connect()
        self.assertEqual(b"", self.send("BZPOPMIN", "none", "new", 0, session=waiter))
        self.assertReply(2, "ZADD", "new", 2, "b", 1, "a")
        self.assertEqual([[b"new", b"a", b"1"]], self.sent(waiter))
        self.assertReply(1, "ZCARD", "new")

    def test_timeout(self) -> None:
        """BZMPOP ends with its timeout; a value of another type does not unblock it."""
        waiter = self.connect()
        self.send("BZMPOP", 1, 1, "new", "MAX", session=waiter)
        self.run_command("SET", "new", "x")
        self.assertEqual([], self.sent(waiter))
        self.advance(1.1)
        self.assertEqual([None], self.sent(waiter))

    def test_pop_several(self) -> None:
        """ZMPOP pops members of the first key that exists."""
        self.assertReply([b"z", [[b"c", b"3"], [b"b", b"2"]]], "ZMPOP", 2, "none", "z", "MAX", "COUNT", 2)
        self.assertReply(None, "ZMPOP", 1, "none", "MIN")

    def test_scan(self) -> None:
        """ZSCAN returns every member with its score in a full iteration."""
        self.run_command("ZADD", "large", *[word for n in range(1000) for word in (n, f"m{n}")])
        cursor = b"0"
        seen: dict[bytes, bytes] = {}
        while True:
            cursor, words = self.run_command("ZSCAN", "large", cursor, "COUNT", 70)
            seen.update(zip(words[::2], words[1::2]))
            if cursor == b"0":
                break
        self.assertEqual({b"m%d" % n: b"%d" % n for n in range(1000)}, seen)

    def test_events(self) -> None:
        """Changes publish keyspace events under Redis's names."""
        listener = self.connect()
        self.run_command("CONFIG", "SET", "notify-keyspace-events", "KA")
        self.run_command("SUBSCRIBE", "__keyspace@0__:z", session=listener)
        for argv in (
            ["ZADD", "z", 9, "d"], ["ZADD", "z", 9, "d"], ["ZINCRBY", "z", 1, "d"], ["ZREM", "z", "d"],
            ["ZPOPMIN", "z"], ["ZPOPMAX", "z"], ["ZREMRANGEBYRANK", "z", 0, -1],
        ):  # fmt: skip
            self.run_command(*argv)
        events = [message[2].decode() for message in self.sent(listener)]
        self.assertEqual(["zadd", "zincr", "zrem", "zpopmin", "zpopmax", "zremrangebyrank", "del"], events)
