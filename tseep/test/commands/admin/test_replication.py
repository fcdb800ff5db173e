"""Tests for L{tseep.commands.admin.replication}."""

from __future__ import annotations

from tseep.errors import NO_REPLICATION
from tseep.test.support import SessionTests, encode


class ReplicationTests(SessionTests):
    def test_role(self) -> None:
        """ROLE returns master, offset 0 and no replicas."""
        self.assertReply([b"master", 0, []], "ROLE")

    def test_replicaof(self) -> None:
        """REPLICAOF NO ONE and SLAVEOF NO ONE succeed; another master is refused, after the check of its port."""
        for name in ("REPLICAOF", "SLAVEOF"):
            self.assertReply("OK", name, "no", "ONE")
            self.assertError(NO_REPLICATION, name, "127.0.0.1", "6379")
            for port in ("x", "-1", "65536"):
                self.assertError("ERR Invalid master port", name, "127.0.0.1", port)

    def test_failover(self) -> None:
        """FAILOVER checks its arguments, and fails as in a redis-server without replicas."""
        self.assertError("ERR No failover in progress.", "FAILOVER", "abort")
        for argv in ([], ["TO", "host", "1"], ["TIMEOUT", "1", "FORCE"]):
            self.assertError("ERR FAILOVER requires connected replicas.", "FAILOVER", *argv)
        for argv in (["TO", "host"], ["FORCE", "FORCE"], ["TO", "a", "1", "TO", "b", "2"], ["ABORT", "FORCE"]):
            self.assertError("ERR syntax error", "FAILOVER", *argv)
        self.assertError("ERR value is not an integer or out of range", "FAILOVER", "TO", "host", "port")
        self.assertError("ERR FAILOVER timeout must be greater than 0", "FAILOVER", "TIMEOUT", "0")

    def test_refused(self) -> None:
        """The commands of a replica, and MIGRATE, are errors that name what is missing."""
        for argv in (["SYNC"], ["PSYNC", "?", "-1"], ["REPLCONF", "listening-port", "1"]):
            self.assertError(NO_REPLICATION, *argv)
        text = "ERR tseep opens no connections to other servers: copy the keys with DUMP and RESTORE"
        self.assertError(text, "MIGRATE", "127.0.0.1", "6379", "key", "0", "1")


class WaitTests(SessionTests):
    def test_at_once(self) -> None:
        """WAIT for no replicas returns 0 at once, and in a transaction always."""
        self.assertReply(0, "WAIT", 0, 0)
        self.assertReply(0, "WAIT", -1, 1000)
        self.run_command("MULTI")
        self.run_command("WAIT", 1, 0)
        self.assertReply([0], "EXEC")

    def test_blocks(self) -> None:
        """WAIT for replicas blocks until its timeout, then returns 0."""
        self.assertEqual(b"", self.session.receive(encode("WAIT", 1, 500)))
        self.advance(0.4)
        self.assertEqual([], self.sent(self.session))
        self.advance(0.2)
        self.assertEqual([0], self.sent(self.session))

    def test_wrongly(self) -> None:
        """WAIT checks its arguments."""
        self.assertError("ERR value is not an integer or out of range", "WAIT", "x", 0)
        self.assertError("ERR timeout is not an integer or out of range", "WAIT", 0, "x")
        self.assertError("ERR timeout is negative", "WAIT", 0, -1)
