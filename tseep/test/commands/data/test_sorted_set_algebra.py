"""
Tests for L{tseep.commands.data.sorted_set_algebra}.

tests/differential/test_differential.py compares with redis-server.
"""

from __future__ import annotations

from tseep.test.support import SessionTests


class AlgebraTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.run_command("ZADD", "one", 1, "a", 2, "b")
        self.run_command("ZADD", "two", 10, "b", 20, "c")
        self.run_command("SADD", "set", "b", "z")

    def test_union(self) -> None:
        """ZUNION adds the scores; the members of a plain set have score 1."""
        self.assertReply(
            [b"a", b"1", b"z", b"1", b"b", b"13", b"c", b"20"], "ZUNION", 3, "one", "two", "set", "WITHSCORES"
        )

    def test_weights(self) -> None:
        """WEIGHTS multiply the scores before AGGREGATE."""
        self.assertReply([b"b", b"24"], "ZINTER", 2, "one", "two", "WEIGHTS", 2, 2, "WITHSCORES")
        self.assertReply([b"b", b"4"], "ZINTER", 2, "one", "two", "WEIGHTS", 2, 2, "AGGREGATE", "MIN", "WITHSCORES")
        self.assertReply([b"b", b"10"], "ZINTER", 2, "one", "two", "AGGREGATE", "MAX", "WITHSCORES")

    def test_infinities(self) -> None:
        """The sum of opposite infinities, and infinity times 0, is 0."""
        self.run_command("ZADD", "up", "inf", "x")
        self.run_command("ZADD", "down", "-inf", "x")
        self.assertReply([b"x", b"0"], "ZUNION", 2, "up", "down", "WITHSCORES")
        self.assertReply([b"x", b"0"], "ZUNION", 1, "up", "WEIGHTS", 0, "WITHSCORES")

    def test_difference(self) -> None:
        """ZDIFF keeps the scores of the first key."""
        self.assertReply([b"a", b"1"], "ZDIFF", 2, "one", "two", "WITHSCORES")

    def test_card(self) -> None:
        """ZINTERCARD LIMIT stops the count at a limit."""
        self.assertReply(1, "ZINTERCARD", 3, "one", "two", "set")
        self.assertReply(1, "ZINTERCARD", 1, "one", "LIMIT", 1)

    def test_store(self) -> None:
        """ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE replace the destination, and delete it if the result is empty."""
        self.run_command("SET", "to", "x")
        self.assertReply(3, "ZUNIONSTORE", "to", 2, "one", "two")
        self.assertReply(1, "ZINTERSTORE", "to", 2, "one", "two")
        self.assertReply(0, "ZDIFFSTORE", "to", 2, "one", "one")
        self.assertReply(0, "EXISTS", "to")
