"""Tests for L{tseep.commands.data.sets}: the commands on sets."""

from __future__ import annotations

from typing import Any

from tseep.test.support import SessionTests


class SetsTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.assertReply(3, "SADD", "s", "a", "b", "c", "a")
        self.assertReply(2, "SADD", "t", "c", "d")

    def members(self, *argv: Any) -> set[bytes]:
        """Return the members in a command's reply; assert that they are different."""
        reply = self.run_command(*argv)
        self.assertEqual(len(reply), len(set(reply)))
        return set(reply)

    def test_members(self) -> None:
        """SISMEMBER, SMISMEMBER, SCARD and SMEMBERS report the members of a set."""
        self.assertReply(1, "SADD", "s", "d", "a")
        self.assertReply(1, "SISMEMBER", "s", "d")
        self.assertReply([1, 0], "SMISMEMBER", "s", "a", "x")
        self.assertReply([0], "SMISMEMBER", "none", "a")
        self.assertReply(4, "SCARD", "s")
        self.assertEqual({b"a", b"b", b"c", b"d"}, self.members("SMEMBERS", "s"))

    def test_remove(self) -> None:
        """SREM removes members, and with the last member the key."""
        self.assertReply(2, "SREM", "s", "a", "b", "x")
        self.assertReply(1, "SREM", "s", "c")
        self.assertReply(0, "EXISTS", "s")

    def test_pop(self) -> None:
        """SPOP removes the members that it returns."""
        popped = {self.run_command("SPOP", "s"), *self.run_command("SPOP", "s", "1")}
        self.assertEqual({b"a", b"b", b"c"}, popped | self.members("SMEMBERS", "s"))
        self.assertEqual(1, len(self.run_command("SPOP", "s", "10")))
        self.assertReply(None, "SPOP", "s")
        self.assertError("ERR value is out of range, must be positive", "SPOP", "s", "-1")

    def test_random(self) -> None:
        """SRANDMEMBER does not remove the members that it returns."""
        self.assertIn(self.run_command("SRANDMEMBER", "s"), (b"a", b"b", b"c"))
        self.assertEqual(2, len(self.members("SRANDMEMBER", "s", "2")))
        self.assertEqual({b"a", b"b", b"c"}, self.members("SRANDMEMBER", "s", "9"))
        self.assertEqual(9, len(self.run_command("SRANDMEMBER", "s", "-9")))
        self.assertReply(3, "SCARD", "s")

    def test_move(self) -> None:
        """SMOVE moves a member from one set to another."""
        self.assertReply(1, "SMOVE", "s", "t", "a")
        self.assertReply(0, "SMOVE", "s", "t", "a")
        self.assertReply(1, "SMOVE", "t", "new", "a")
        self.assertEqual({b"a"}, self.members("SMEMBERS", "new"))

    def test_algebra(self) -> None:
        """SINTER, SUNION, SDIFF and SINTERCARD, also with missing keys."""
        self.assertEqual({b"c"}, self.members("SINTER", "s", "t"))
        self.assertEqual({b"a", b"b", b"c", b"d"}, self.members("SUNION", "s", "t", "none"))
        self.assertEqual({b"a", b"b"}, self.members("SDIFF", "s", "t", "none"))
        self.assertEqual(set(), self.members("SINTER", "s", "none"))
        self.assertReply(1, "SINTERCARD", "2", "s", "t")
        self.assertReply(2, "SINTERCARD", "1", "s", "LIMIT", "2")

    def test_store(self) -> None:
        """SUNIONSTORE, SDIFFSTORE and SINTERSTORE replace the destination, and delete it if the result is empty."""
        self.run_command("SET", "x", "string", "EX", "100")
        self.assertReply(4, "SUNIONSTORE", "x", "s", "t")
        self.assertReply(-1, "TTL", "x")
        self.assertReply(2, "SDIFFSTORE", "s", "s", "t")
        self.assertReply(0, "SINTERSTORE", "x", "s", "t")
        self.assertReply(0, "EXISTS", "x")

    def test_resp3(self) -> None:
        """In RESP3 SMEMBERS returns a set."""
        self.run_command("HELLO", 3)
        self.assertReply({b"c", b"d"}, "SMEMBERS", "t")

    def test_scan(self) -> None:
        """SSCAN MATCH returns the members that match."""
        self.assertReply([b"0", [b"d"]], "SSCAN", "t", "0", "MATCH", "d")
        self.assertReply([b"0", []], "SSCAN", "none", "0")

    def test_copy(self) -> None:
        """A copy of a set is independent of the original."""
        self.run_command("COPY", "t", "u")
        self.run_command("SADD", "u", "e")
        self.assertReply(2, "SCARD", "t")
        self.assertReply(b"hashtable", "OBJECT", "ENCODING", "u")
