"""Tests for L{tseep.coordination.pause}, and for CLIENT PAUSE and CLIENT UNPAUSE."""

from __future__ import annotations

from tseep.test.support import SessionTests


class PauseTests(SessionTests):
    """Commands that are held for a while."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.connect()

    def test_all(self) -> None:
        """Every command is held until the time is over, and what was said after it comes after it."""
        self.assertReply("OK", "CLIENT", "PAUSE", 1000)
        self.assertEqual(b"", self.send("PING", session=self.other))
        self.assertEqual(b"", self.send("ECHO", "x", session=self.other))
        self.assertIn(b"blocked_clients:1", self.server.table.commands[b"info"].run(self.session, [b"INFO"]).text)  # type: ignore[misc]
        self.advance(1.1)
        self.assertEqual(["PONG", b"x"], self.sent(self.other))
        self.assertReply("PONG", "PING")

    def test_write(self) -> None:
        """Only what may change something is held."""
        self.assertReply("OK", "CLIENT", "PAUSE", 1000, "WRITE")
        self.assertReply(None, "GET", "k", session=self.other)
        self.assertEqual(b"", self.send("SET", "k", "1", session=self.other))
        self.assertReply("OK", "CLIENT", "UNPAUSE")
        self.assertEqual(["OK"], self.sent(self.other))

    def test_transaction(self) -> None:
        """A transaction is held as a whole if anything in it may change something."""
        for argv in (["MULTI"], ["GET", "k"], ["SET", "k", "1"]):
            self.run_command(*argv, session=self.other)
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.assertEqual(b"", self.send("EXEC", session=self.other))
        self.run_command("CLIENT", "UNPAUSE")
        self.assertEqual([[None, "OK"]], self.sent(self.other))

    def test_longer_and_stricter(self) -> None:
        """Of two pauses the longer time and the stricter kind count."""
        self.send("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("CLIENT", "PAUSE", 10, "ALL")
        self.advance(0.5)
        self.assertEqual(b"", self.send("PING", session=self.other))
        self.advance(0.6)
        self.assertEqual(["PONG"], self.sent(self.other))

    def test_gone(self) -> None:
        """A command whose client has gone is not run."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("SET", "k", "1", session=self.other)
        self.server.disconnect(self.other)
        self.run_command("CLIENT", "UNPAUSE")
        self.assertReply(0, "EXISTS", "k")

    def test_unblock(self) -> None:
        """CLIENT UNBLOCK does not let it go."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("SET", "k", "1", session=self.other)
        self.assertReply(0, "CLIENT", "UNBLOCK", self.other.id)

    def test_skipped_reply(self) -> None:
        """A reply that was not wanted is not sent after the pause either."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("CLIENT", "REPLY", "SKIP", session=self.other)
        self.send("SET", "k", "1", session=self.other)
        self.run_command("CLIENT", "UNPAUSE")
        self.assertEqual([], self.sent(self.other))
        self.assertReply(b"1", "GET", "k", session=self.other)

    def test_quick_again(self) -> None:
        """After the pause commands take the short way again."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.assertEqual({}, self.server.table.dispatch)
        self.run_command("CLIENT", "UNPAUSE")
        self.assertIn(b"GET", self.server.table.dispatch)
