"""Tests for L{tseep.coordination.transactions} and L{tseep.commands.client.transactions}."""

from __future__ import annotations

from tseep.test.support import Error, SessionTests


class TransactionsTests(SessionTests):
    """MULTI, EXEC, DISCARD, WATCH and UNWATCH."""

    def test_exec(self) -> None:
        """What is queued runs at EXEC, and all replies come in one."""
        self.assertReply("OK", "MULTI")
        self.assertReply("QUEUED", "SET", "a", "1")
        self.assertReply("QUEUED", "INCR", "a")
        self.assertReply(None, "GET", "a", session=self.connect())
        self.assertReply(["OK", 2], "EXEC")
        self.assertReply("PONG", "PING")

    def test_error_inside(self) -> None:
        """A command that fails is an error among the replies, and the others run."""
        self.send("MULTI")
        self.send("SET", "a", "x")
        self.send("INCR", "a")
        self.send("SET", "b", "1")
        reply = self.run_command("EXEC")
        self.assertEqual(["OK", Error("ERR value is not an integer or out of range"), "OK"], reply)

    def test_refused(self) -> None:
        """If a command was refused none runs."""
        self.send("MULTI")
        self.send("SET", "a", "1")
        self.assertError("ERR wrong number of arguments for 'get' command", "GET")
        self.assertError("EXECABORT Transaction discarded because of previous errors.", "EXEC")
        self.assertReply(None, "GET", "a")
        self.assertError("ERR EXEC without MULTI", "EXEC")

    def test_exec_refused(self) -> None:
        """If EXEC itself is refused the transaction ends, and with it what is watched."""
        for beginning in (["MULTI"], ["WATCH", "a"]):
            self.send(*beginning)
            text = "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
            self.assertError(text, "EXEC", "x")
            self.assertEqual((None, ()), (self.session.transaction, self.session.watched))
            self.assertError("ERR EXEC without MULTI", "EXEC")

    def test_discard(self) -> None:
        """DISCARD forgets everything."""
        self.send("MULTI")
        self.send("SET", "a", "1")
        self.assertReply("OK", "DISCARD")
        self.assertReply(None, "GET", "a")
        self.assertError("ERR DISCARD without MULTI", "DISCARD")

    def test_nested(self) -> None:
        """A second MULTI, and WATCH, are refused in a transaction, which goes on."""
        self.send("MULTI")
        self.assertError("ERR MULTI calls can not be nested", "MULTI")
        self.assertError("ERR WATCH inside MULTI is not allowed", "WATCH", "a")
        self.send("SET", "a", "1")
        self.assertReply(["OK"], "EXEC")

    def watched(self, *change: str) -> object:
        """The reply to a transaction, if another client makes a change after WATCH."""
        self.assertReply("OK", "WATCH", "w")
        self.run_command(*change, session=self.connect())
        self.send("MULTI")
        self.send("PING")
        return self.run_command("EXEC")

    def test_watch(self) -> None:
        """A watched key that changes, by whatever command, lets EXEC answer null; another key does not."""
        self.assertEqual(["PONG"], self.watched("SET", "other", "1"))
        for change in (
            "SET w 1",
            "APPEND w x",
            "EXPIRE w 9",
            "DEL w",
            "RPUSH w 1",
            "LPOP w",
            "HSET w f 1",
            "FLUSHALL",
        ):
            self.assertIsNone(self.watched(*change.split()), change)
        self.assertEqual(["PONG"], self.watched("DEL", "w"))

    def test_watch_expiry(self) -> None:
        """A key whose time is over has changed."""
        self.run_command("SET", "w", "1", "PX", "100")
        self.send("WATCH", "w")
        self.advance(1)
        self.send("MULTI")
        self.send("PING")
        self.assertReply(None, "EXEC")

    def test_unwatch(self) -> None:
        """UNWATCH, DISCARD and EXEC forget what is watched."""
        for call in (["UNWATCH"], ["MULTI", "DISCARD"], ["MULTI", "EXEC"]):
            self.send("WATCH", "w")
            for word in call:
                self.send(word)
            self.run_command("SET", "w", "1", session=self.connect())
            self.send("MULTI")
            self.assertReply([], "EXEC")

    def test_swapdb(self) -> None:
        """A key that is there in one of two exchanged databases has changed."""
        self.assertEqual(["PONG"], self.watched("SWAPDB", "0", "1"))
        self.run_command("SET", "w", "1")
        self.assertIsNone(self.watched("SWAPDB", "0", "1"))

    def test_forgotten(self) -> None:
        """Once nobody watches, the keyspace tells nobody."""
        self.send("WATCH", "w")
        self.assertIsNotNone(self.session.db.observer)
        self.server.disconnect(self.session)
        self.server.changes.update()
        self.assertIsNone(self.session.db.observer)

    def test_reset(self) -> None:
        """RESET ends a transaction."""
        self.send("MULTI")
        self.assertReply("RESET", "RESET")
        self.assertError("ERR EXEC without MULTI", "EXEC")

    def test_resp3(self) -> None:
        """Replies inside are encoded for the version of RESP that is spoken then."""
        self.send("MULTI")
        self.send("HELLO", "3")
        self.send("HGETALL", "none")
        reply = self.run_command("EXEC")
        self.assertEqual({}, reply[1])
