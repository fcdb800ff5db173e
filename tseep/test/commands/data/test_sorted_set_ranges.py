"""
Tests for L{tseep.commands.data.sorted_set_ranges}: ranges by rank, by score and by name.

tests/differential/test_differential.py compares with redis-server.
"""

from __future__ import annotations

from tseep.test.support import SessionTests


class RangesTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.run_command("ZADD", "z", *[word for n in range(10) for word in (n, f"m{n}")])
        self.run_command("ZADD", "names", *[word for name in "abcde" for word in (0, name)])

    def test_rank(self) -> None:
        """Ranks count from either end of the order."""
        self.assertReply([b"m8", b"m9"], "ZRANGE", "z", -2, -1)
        self.assertReply([b"m9", b"m8"], "ZRANGE", "z", 0, 1, "REV")
        self.assertReply([], "ZRANGE", "z", 5, 3)

    def test_score(self) -> None:
        """C{(} excludes a bound of scores, and LIMIT selects a part of the range."""
        self.assertReply([b"m3", b"m4"], "ZRANGEBYSCORE", "z", "(2", "4")
        self.assertReply([b"m4", b"m3"], "ZREVRANGEBYSCORE", "z", "4", "(2")
        self.assertReply([b"m2", b"m3"], "ZRANGE", "z", "-inf", "+inf", "BYSCORE", "LIMIT", 2, 2)
        self.assertReply([b"m7", b"m6"], "ZRANGE", "z", "+inf", "-inf", "BYSCORE", "REV", "LIMIT", 2, 2)
        self.assertReply([], "ZRANGE", "z", 0, 9, "BYSCORE", "LIMIT", -1, 2)
        self.assertReply(2, "ZCOUNT", "z", "(2", "4")

    def test_lex(self) -> None:
        """BYLEX ranges compare members by their bytes."""
        self.assertReply([b"b", b"c"], "ZRANGEBYLEX", "names", "[b", "(d")
        self.assertReply([b"c", b"b"], "ZREVRANGEBYLEX", "names", "(d", "[b")
        self.assertReply(5, "ZLEXCOUNT", "names", "-", "+")
        self.assertReply(0, "ZLEXCOUNT", "names", "+", "-")

    def test_large(self) -> None:
        """BYLEX ranges are found in a large sorted set too."""
        self.run_command("ZADD", "large", *[word for n in range(3000) for word in (1, f"{n:04}")])
        self.assertReply([b"0100", b"0101"], "ZRANGEBYLEX", "large", "[0100", "(0102")
        self.assertReply(2900, "ZREMRANGEBYLEX", "large", "[0100", "+")

    def test_store(self) -> None:
        """ZRANGESTORE stores the range, and deletes the destination if the range is empty."""
        self.assertReply(2, "ZRANGESTORE", "to", "z", 0, 1)
        self.assertReply([b"m0", b"0", b"m1", b"1"], "ZRANGE", "to", 0, -1, "WITHSCORES")
        self.assertReply(0, "ZRANGESTORE", "to", "z", 20, 30)
        self.assertReply(0, "EXISTS", "to")

    def test_remove(self) -> None:
        """ZREMRANGEBYRANK and ZREMRANGEBYSCORE remove ranges, and with the last member the key."""
        self.assertReply(2, "ZREMRANGEBYRANK", "z", 0, 1)
        self.assertReply(3, "ZREMRANGEBYSCORE", "z", 2, "(5")
        self.assertReply(5, "ZREMRANGEBYSCORE", "z", "-inf", "inf")
        self.assertReply(0, "EXISTS", "z")

    def test_refused(self) -> None:
        """Invalid bounds are refused with Redis's errors."""
        self.assertError("ERR min or max is not a float", "ZRANGEBYSCORE", "z", "a", "b")
        self.assertError("ERR min or max not valid string range item", "ZRANGEBYLEX", "z", "a", "b")
        self.assertError(
            "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            *("ZRANGE", "names", "-", "+", "BYLEX", "WITHSCORES"),
        )
