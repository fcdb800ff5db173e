"""
Tests for L{tseep.coordination.monitor}: the output of MONITOR, and how it ends.

tests/server/test_conversations.py compares with redis-server.
"""

from __future__ import annotations

from tseep.test.support import START, SessionTests, encode


class MonitorTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.watcher = self.connect()
        self.assertReply("OK", "MONITOR", session=self.watcher)

    def seen(self) -> list[str]:
        """Return the lines that the monitor has received since the last call, without their time."""
        return [line.partition(" ")[2] for line in self.sent(self.watcher)]

    def test_line(self) -> None:
        """A line contains the time, the database, the client's address and the arguments, escaped as in Redis."""
        self.run_command("SELECT", 2)
        self.sent(self.watcher)
        self.run_command("SET", "k", b'"\x00\xff\n')
        self.assertEqual([f'{START}.000000 [2 127.0.0.1:50000] "SET" "k" "\\"\\x00\\xff\\n"'], self.sent(self.watcher))

    def test_secrets(self) -> None:
        """Passwords of AUTH and MIGRATE are redacted, and CONFIG is not shown."""
        self.run_command("AUTH", "secret")
        self.run_command("CONFIG", "GET", "save")
        self.assertEqual(['[0 127.0.0.1:50000] "AUTH" "(redacted)"'], self.seen())
        self.run_command("MIGRATE", "host", 1, "k", 0, 1, "COPY", "AUTH2", "u", "secret")
        end = '"MIGRATE" "host" "1" "k" "0" "1" "COPY" "AUTH2" "(redacted)" "(redacted)"'
        self.assertEqual([f"[0 127.0.0.1:50000] {end}"], self.seen())

    def test_transactions(self) -> None:
        """EXEC is shown after its commands, also one that is aborted."""
        for words in (["MULTI"], ["SET", "a", "1"], ["EXEC"], ["MULTI"], ["NOSUCH"], ["EXEC"]):
            self.run_command(*words)
        shown = [line.partition("] ")[2] for line in self.seen()]
        self.assertEqual(['"MULTI"', '"SET" "a" "1"', '"EXEC"', '"MULTI"', '"EXEC"'], shown)

    def test_native(self) -> None:
        """Commands in the Go study's binary frames are shown."""
        self.connect().receive(b"\x01\x00\x02\x01k")
        self.assertEqual(['[0 127.0.0.1:50000] "GET" "k"'], self.seen())

    def test_unix(self) -> None:
        """A client of a Unix socket is shown with the socket's path."""
        self.session.connection.peer = "/run/tseep:0"
        self.run_command("PING")
        self.assertEqual(['[0 unix:/run/tseep] "PING"'], self.seen())

    def test_again(self) -> None:
        """A second MONITOR has no reply, as in Redis."""
        self.assertEqual(b"", self.watcher.receive(encode("MONITOR")))

    def test_reset(self) -> None:
        """RESET ends MONITOR, and the fast-path dispatch table is filled again."""
        self.assertEqual({}, self.server.table.dispatch)
        self.run_command("RESET", session=self.watcher)
        self.run_command("PING")
        self.assertEqual([], self.seen())
        self.assertIn(b"GET", self.server.table.dispatch)

    def test_disconnect(self) -> None:
        """A monitor that disconnects is removed from the server's monitors."""
        self.server.disconnect(self.watcher)
        self.assertFalse(self.server.monitors)
