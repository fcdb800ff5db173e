"""Tests for L{tseep.coordination.pause}: CLIENT PAUSE and CLIENT UNPAUSE."""

from __future__ import annotations

from tseep.test.support import SessionTests


class PauseTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.connect()

    def test_all(self) -> None:
        """CLIENT PAUSE delays all commands until its timeout; each client's commands keep their order."""
        self.assertReply("OK", "CLIENT", "PAUSE", 1000)
        self.assertEqual(b"", self.send("PING", session=self.other))
        self.assertEqual(b"", self.send("ECHO", "x", session=self.other))
        self.assertIn(b"blocked_clients:1", self.server.table.commands[b"info"].run(self.session, [b"INFO"]).text)  # type: ignore[misc]
        self.advance(1.1)
        self.assertEqual(["PONG", b"x"], self.sent(self.other))
        self.assertReply("PONG", "PING")

    def test_write(self) -> None:
        """CLIENT PAUSE WRITE delays only commands that can write."""
        self.assertReply("OK", "CLIENT", "PAUSE", 1000, "WRITE")
        self.assertReply(None, "GET", "k", session=self.other)
        self.assertEqual(b"", self.send("SET", "k", "1", session=self.other))
        self.assertReply("OK", "CLIENT", "UNPAUSE")
        self.assertEqual(["OK"], self.sent(self.other))

    def test_scripts(self) -> None:
        """CLIENT PAUSE WRITE delays scripts, except those that declare that they do not write."""
        library = "#!lua name=l\nredis.register_function{function_name='f', callback=function() return 3 end, "
        library += "flags={%s}}"
        self.run_command("FUNCTION", "LOAD", library % "'no-writes'")
        self.run_command("FUNCTION", "LOAD", (library % "").replace("name=l", "name=m").replace("'f'", "'g'"))
        sha = self.run_command("SCRIPT", "LOAD", "#!lua flags=no-writes\nreturn 2")
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.assertReply(1, "EVAL", "#!lua flags=no-writes\nreturn 1", 0, session=self.other)
        self.assertReply(1, "EVAL_RO", "return 1", 0, session=self.other)
        self.assertReply(2, "EVALSHA", sha, 0, session=self.other)
        self.assertReply(3, "FCALL", "f", 0, session=self.other)
        for command in (
            ["EVAL", "return 1", "0"],
            ["EVAL", "#!lua\nreturn 1", "0"],
            ["EVAL", "#!lua flags=x\n", "0"],
            ["FCALL", "g", "0"],
        ):
            self.assertEqual(b"", self.send(*command, session=self.connect()), command)
        self.assertEqual([], self.sent(self.other))

    def test_expiry(self) -> None:
        """During CLIENT PAUSE expired keys are missing, but neither expiry nor eviction deletes them."""
        self.run_command("SET", "k", 1, "PX", 10)
        self.run_command("CLIENT", "PAUSE", 60000, "WRITE")
        self.pass_time(5)
        self.server.cron.run()
        self.assertReply(None, "GET", "k")
        self.assertReply(0, "EXISTS", "k")
        self.assertEqual((1, 0), (len(self.session.db), self.server.keyspace.expired))
        self.server.config.set("maxmemory", "1")
        self.server.config.set("maxmemory-policy", "allkeys-lru")
        self.server.apply_config()
        self.assertEqual((1, 0), (len(self.session.db), self.server.keyspace.evicted))
        self.server.config.set("maxmemory", "0")
        self.server.apply_config()
        self.run_command("CLIENT", "UNPAUSE")
        self.assertReply(None, "GET", "k")
        self.assertEqual((0, 1), (len(self.session.db), self.server.keyspace.expired))

    def test_transaction(self) -> None:
        """CLIENT PAUSE WRITE delays EXEC if any queued command can write."""
        for argv in (["MULTI"], ["GET", "k"], ["SET", "k", "1"]):
            self.run_command(*argv, session=self.other)
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.assertEqual(b"", self.send("EXEC", session=self.other))
        self.run_command("CLIENT", "UNPAUSE")
        self.assertEqual([[None, "OK"]], self.sent(self.other))

    def test_longer_and_stricter(self) -> None:
        """A second CLIENT PAUSE neither shortens the pause nor weakens its mode."""
        self.send("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("CLIENT", "PAUSE", 10, "ALL")
        self.advance(0.5)
        self.assertEqual(b"", self.send("PING", session=self.other))
        self.advance(0.6)
        self.assertEqual(["PONG"], self.sent(self.other))

    def test_disconnect(self) -> None:
        """A delayed command does not run after its client has disconnected."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("SET", "k", "1", session=self.other)
        self.server.disconnect(self.other)
        self.run_command("CLIENT", "UNPAUSE")
        self.assertReply(0, "EXISTS", "k")

    def test_unblock(self) -> None:
        """CLIENT UNBLOCK does not unblock a client that CLIENT PAUSE delays."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("SET", "k", "1", session=self.other)
        self.assertReply(0, "CLIENT", "UNBLOCK", self.other.id)

    def test_skipped_reply(self) -> None:
        """CLIENT REPLY SKIP also suppresses the reply of a delayed command."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.send("CLIENT", "REPLY", "SKIP", session=self.other)
        self.send("SET", "k", "1", session=self.other)
        self.run_command("CLIENT", "UNPAUSE")
        self.assertEqual([], self.sent(self.other))
        self.assertReply(b"1", "GET", "k", session=self.other)

    def test_fast_path(self) -> None:
        """CLIENT UNPAUSE fills the fast-path dispatch table again."""
        self.run_command("CLIENT", "PAUSE", 1000, "WRITE")
        self.assertEqual({}, self.server.table.dispatch)
        self.run_command("CLIENT", "UNPAUSE")
        self.assertIn(b"GET", self.server.table.dispatch)
