"""Tests for L{tseep.coordination.monitor} and MONITOR.

The conversations of tests/server/test_conversations.py show the rest.
"""

from __future__ import annotations

from tseep.test.support import START, SessionTests, encode


class MonitorTests(SessionTests):
    """Clients that see the commands of all."""

    def setUp(self) -> None:
        super().setUp()
        self.watcher = self.connect()
        self.assertReply("OK", "MONITOR", session=self.watcher)

    def seen(self) -> list[str]:
        """What it has seen since the last look, without the time."""
        return [line.partition(" ")[2] for line in self.sent(self.watcher)]

    def test_line(self) -> None:
        """A line tells the time, the database, the client and the words."""
        self.run_command("SELECT", 2)
        self.sent(self.watcher)
        self.run_command("SET", "k", b'"\x00\xff\n')
        self.assertEqual([f'{START}.000000 [2 127.0.0.1:50000] "SET" "k" "\\"\\x00\\xff\\n"'], self.sent(self.watcher))

    def test_secrets(self) -> None:
        """A password is not shown, and what concerns the server alone is not."""
        self.run_command("AUTH", "secret")
        self.run_command("CONFIG", "GET", "save")
        self.assertEqual(['[0 127.0.0.1:50000] "AUTH" "(redacted)"'], self.seen())

    def test_native(self) -> None:
        """What comes in the native protocol is shown, too."""
        self.connect().receive(b"\x01\x00\x02\x01k")
        self.assertEqual(['[0 127.0.0.1:50000] "GET" "k"'], self.seen())

    def test_unix(self) -> None:
        """A client on a Unix socket is shown by the socket's path."""
        self.session.connection.peer = "/run/tseep:0"
        self.run_command("PING")
        self.assertEqual(['[0 unix:/run/tseep] "PING"'], self.seen())

    def test_again(self) -> None:
        """Asked twice it says nothing, as Redis does."""
        self.assertEqual(b"", self.watcher.receive(encode("MONITOR")))

    def test_reset(self) -> None:
        """RESET ends it, and commands take the short way again."""
        self.assertEqual({}, self.server.table.dispatch)
        self.run_command("RESET", session=self.watcher)
        self.run_command("PING")
        self.assertEqual([], self.seen())
        self.assertIn(b"GET", self.server.table.dispatch)

    def test_gone(self) -> None:
        """A client that goes away is forgotten."""
        self.server.disconnect(self.watcher)
        self.assertFalse(self.server.monitors)
