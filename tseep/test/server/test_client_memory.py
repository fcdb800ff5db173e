"""Tests of L{tseep.server.client_memory}: the memory of clients, and maxmemory-clients."""

from __future__ import annotations

from tseep.protocol.resp import ARGUMENT_OVERHEAD
from tseep.server.client_memory import LEAST_LIMIT
from tseep.session.client_info import OVERHEAD
from tseep.session.session import Session
from tseep.test.support import SessionTests, encode


class ClientMemoryTests(SessionTests):
    def start(self, bytes: int) -> Session:
        """Return a new client that has sent that many bytes of a command."""
        session = self.connect()
        session.receive(b"*1\r\n$10000000\r\n" + b"x" * bytes)
        return session

    def test_total(self) -> None:
        """Input, queued commands, subscriptions and unsent output of all clients count until they are gone."""
        memory = self.server.client_memory
        self.assertEqual(OVERHEAD, memory.total)
        first = self.start(50000)
        self.assertEqual(2 * OVERHEAD + 50000, memory.total)
        second = self.connect()
        second.receive(encode("MULTI") + encode("ECHO", "x" * 1000))
        self.assertEqual(3 * OVERHEAD + 50000 + 1004, memory.total)
        second.receive(encode("DISCARD"))
        self.server.outputs.check(second, 0)
        second.connection.unsent = 700
        self.server.outputs.check(second, 700)
        self.assertEqual(3 * OVERHEAD + 50000 + 700, memory.total)
        second.connection.unsent = 0
        self.server.cron.run()
        self.assertEqual(3 * OVERHEAD + 50000, memory.total)
        self.server.disconnect(first)
        self.assertEqual(2 * OVERHEAD, memory.total)

    def test_argument(self) -> None:
        """Each part of an argument counts at once, the first and those within it once each; none after the last."""
        memory = self.server.client_memory
        updates: list[None] = []
        update = memory.update
        self.patch(memory, "update", lambda *arguments: updates.append(update(*arguments)))
        session = self.connect()
        for part, bytes, calls in (
            (b"*2\r\n$4\r\nECHO\r\n$3000\r\n" + b"x" * 1000, 1000 + 4 + ARGUMENT_OVERHEAD, 1),
            (b"x" * 1000, 2000 + 4 + ARGUMENT_OVERHEAD, 2),
            (b"x" * 1000, 3000 + 4 + ARGUMENT_OVERHEAD, 3),
            (b"\r\n", 0, 5),
        ):
            session.receive(part)
            self.assertEqual((2 * OVERHEAD + bytes, calls), (memory.total, len(updates)))

    def test_evicted(self) -> None:
        """With maxmemory-clients the largest clients are closed once the sum exceeds it, but not with NO-EVICT."""
        self.run_command("CONFIG", "SET", "maxmemory-clients", 300000)
        safe = self.connect()
        self.run_command("CLIENT", "NO-EVICT", "ON", session=safe)
        safe.receive(b"*1\r\n$10000000\r\n" + b"x" * 150000)
        small, large = self.start(50000), self.start(60000)
        self.assertEqual(0, self.server.stats.evicted_clients)
        self.start(50000)
        closed = [session.connection.closed for session in (safe, small, large)]
        self.assertEqual([False, False, True], closed)
        self.assertEqual(1, self.server.stats.evicted_clients)
        self.run_command("CONFIG", "SET", "maxmemory-clients", 250000)
        self.assertEqual(2, self.server.stats.evicted_clients)
        self.assertFalse(safe.connection.closed)

    def test_names(self) -> None:
        """Watched keys and subscriptions count, as of the next second."""
        self.run_command("CONFIG", "SET", "maxmemory-clients", 300000)
        for command in ("WATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"):
            session = self.connect()
            session.receive(encode(command, *range(2000)))
            self.pass_time(1)
            self.server.cron.run()
            self.assertTrue(session.connection.closed, command)

    def test_percentage(self) -> None:
        """A percentage is one of maxmemory; the effective limit is never below 128 KiB."""
        memory, run = self.server.client_memory, self.run_command
        for value, maxmemory, limit in (
            ("5%", "100mb", 5 * 2**20),
            ("5%", "0", 0),
            ("1", "0", LEAST_LIMIT),
            ("0", "100mb", 0),
            ("0%", "100mb", 0),
        ):
            run("CONFIG", "SET", "maxmemory", maxmemory, "maxmemory-clients", value)
            self.assertEqual(limit, memory.limit, (value, maxmemory))
        run("CONFIG", "SET", "maxmemory-clients", "7%")
        self.assertReply([b"maxmemory-clients", b"7%"], "CONFIG", "GET", "maxmemory-clients")
        for wrong in ("101%", "%", "-1%", "5%%"):
            reason = "percentage argument must be less" if wrong == "101%" else "argument must be a memory or percent"
            self.assertIn(reason, run("CONFIG", "SET", "maxmemory-clients", wrong))

    def test_keys(self) -> None:
        """Clients' memory counts against maxmemory: keys are evicted for it."""
        self.run_command("CONFIG", "SET", "maxmemory", 400000, "maxmemory-policy", "allkeys-random")
        self.run_command("SET", "k", "x" * 200000)
        self.start(300000)
        self.assertReply(0, "DBSIZE")
        self.assertEqual(1, self.server.keyspace.evicted)
