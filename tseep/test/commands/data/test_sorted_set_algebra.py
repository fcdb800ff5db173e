"""Tests for L{tseep.commands.data.sorted_set_algebra}.

redis-server is compared in tests/differential/test_differential.py.
"""

from __future__ import annotations

from tseep.test.support import SessionTests


class AlgebraTests(SessionTests):
    """Unions, intersections and differences."""

    def setUp(self) -> None:
        super().setUp()
        self.run_command("ZADD", "one", 1, "a", 2, "b")
        self.run_command("ZADD", "two", 10, "b", 20, "c")
        self.run_command("SADD", "set", "b", "z")

    def test_union(self) -> None:
        """Scores are added up, a plain set's being 1."""
        self.assertReply(
            [b"a", b"1", b"z", b"1", b"b", b"13", b"c", b"20"], "ZUNION", 3, "one", "two", "set", "WITHSCORES"
        )

    def test_weights(self) -> None:
        """Scores are weighed before they are added or compared."""
        self.assertReply([b"b", b"24"], "ZINTER", 2, "one", "two", "WEIGHTS", 2, 2, "WITHSCORES")
        self.assertReply([b"b", b"4"], "ZINTER", 2, "one", "two", "WEIGHTS", 2, 2, "AGGREGATE", "MIN", "WITHSCORES")
        self.assertReply([b"b", b"10"], "ZINTER", 2, "one", "two", "AGGREGATE", "MAX", "WITHSCORES")

    def test_infinities(self) -> None:
        """Infinities that cancel each other make 0."""
        self.run_command("ZADD", "up", "inf", "x")
        self.run_command("ZADD", "down", "-inf", "x")
        self.assertReply([b"x", b"0"], "ZUNION", 2, "up", "down", "WITHSCORES")
        self.assertReply([b"x", b"0"], "ZUNION", 1, "up", "WEIGHTS", 0, "WITHSCORES")

    def test_difference(self) -> None:
        """A difference keeps the scores of the first."""
        self.assertReply([b"a", b"1"], "ZDIFF", 2, "one", "two", "WITHSCORES")

    def test_card(self) -> None:
        """ZINTERCARD stops counting at a limit."""
        self.assertReply(1, "ZINTERCARD", 3, "one", "two", "set")
        self.assertReply(1, "ZINTERCARD", 1, "one", "LIMIT", 1)

    def test_store(self) -> None:
        """Results take the place of what was there, and nothing does if they are empty."""
        self.run_command("SET", "to", "x")
        self.assertReply(3, "ZUNIONSTORE", "to", 2, "one", "two")
        self.assertReply(1, "ZINTERSTORE", "to", 2, "one", "two")
        self.assertReply(0, "ZDIFFSTORE", "to", 2, "one", "one")
        self.assertReply(0, "EXISTS", "to")
