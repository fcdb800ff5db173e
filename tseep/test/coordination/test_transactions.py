"""Tests for L{tseep.coordination.transactions} and L{tseep.commands.client.transactions}."""

from __future__ import annotations

from tseep.test.support import Error, SessionTests


class TransactionsTests(SessionTests):
    """MULTI, EXEC, DISCARD, WATCH and UNWATCH."""

    def test_exec(self) -> None:
        """EXEC runs the queued commands and returns their replies as one array."""
        self.assertReply("OK", "MULTI")
        self.assertReply("QUEUED", "SET", "a", "1")
        self.assertReply("QUEUED", "INCR", "a")
        self.assertReply(None, "GET", "a", session=self.connect())
        self.assertReply(["OK", 2], "EXEC")
        self.assertReply("PONG", "PING")

    def test_error_inside(self) -> None:
        """A command that fails in EXEC has an error as its reply, and the other commands run."""
        self.send("MULTI")
        self.send("SET", "a", "x")
        self.send("INCR", "a")
        self.send("SET", "b", "1")
        reply = self.run_command("EXEC")
        self.assertEqual(["OK", Error("ERR value is not an integer or out of range"), "OK"], reply)

    def test_refused(self) -> None:
        """EXEC runs no command if one was refused when it was queued."""
        self.send("MULTI")
        self.send("SET", "a", "1")
        self.assertError("ERR wrong number of arguments for 'get' command", "GET")
        self.assertError("EXECABORT Transaction discarded because of previous errors.", "EXEC")
        self.assertReply(None, "GET", "a")
        self.assertError("ERR EXEC without MULTI", "EXEC")

    def test_exec_refused(self) -> None:
        """A refused EXEC ends the transaction and unwatches all keys."""
        for beginning in (["MULTI"], ["WATCH", "a"]):
            self.send(*beginning)
            text = "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
            self.assertError(text, "EXEC", "x")
            self.assertEqual((None, ()), (self.session.transaction, self.session.watched))
            self.assertError("ERR EXEC without MULTI", "EXEC")

    def test_discard(self) -> None:
        """DISCARD drops the queued commands and ends the transaction."""
        self.send("MULTI")
        self.send("SET", "a", "1")
        self.assertReply("OK", "DISCARD")
        self.assertReply(None, "GET", "a")
        self.assertError("ERR DISCARD without MULTI", "DISCARD")

    def test_nested(self) -> None:
        """MULTI and WATCH are refused inside a transaction, which continues."""
        self.send("MULTI")
        self.assertError("ERR MULTI calls can not be nested", "MULTI")
        self.assertError("ERR WATCH inside MULTI is not allowed", "WATCH", "a")
        self.send("SET", "a", "1")
        self.assertReply(["OK"], "EXEC")

    def watched(self, *change: str) -> object:
        """Return EXEC's reply after another client has run this command between WATCH and MULTI."""
        self.assertReply("OK", "WATCH", "w")
        self.run_command(*change, session=self.connect())
        self.send("MULTI")
        self.send("PING")
        return self.run_command("EXEC")

    def test_watch(self) -> None:
        """EXEC returns null after any command that changed a watched key, but not after a change of another key."""
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
        """EXEC returns null if a watched key has expired."""
        self.run_command("SET", "w", "1", "PX", "100")
        self.send("WATCH", "w")
        self.advance(1)
        self.send("MULTI")
        self.send("PING")
        self.assertReply(None, "EXEC")

    def test_unwatch(self) -> None:
        """UNWATCH, DISCARD and EXEC unwatch all keys."""
        for call in (["UNWATCH"], ["MULTI", "DISCARD"], ["MULTI", "EXEC"]):
            self.send("WATCH", "w")
            for word in call:
                self.send(word)
            self.run_command("SET", "w", "1", session=self.connect())
            self.send("MULTI")
            self.assertReply([], "EXEC")

    def test_swapdb(self) -> None:
        """SWAPDB changes a watched key if it exists in one of the two databases."""
        self.assertEqual(["PONG"], self.watched("SWAPDB", "0", "1"))
        self.run_command("SET", "w", "1")
        self.assertIsNone(self.watched("SWAPDB", "0", "1"))

    def test_observer(self) -> None:
        """A database has a change observer only while clients watch keys."""
        self.send("WATCH", "w")
        self.assertIsNotNone(self.session.db.observer)
        self.server.disconnect(self.session)
        self.server.changes.update()
        self.assertIsNone(self.session.db.observer)

    def test_reset(self) -> None:
        """RESET discards the transaction and its queue."""
        self.send("MULTI")
        self.assertReply("RESET", "RESET")
        self.assertError("ERR EXEC without MULTI", "EXEC")

    def test_resp3(self) -> None:
        """HELLO inside a transaction changes the encoding of the replies after it."""
        self.send("MULTI")
        self.send("HELLO", "3")
        self.send("HGETALL", "none")
        reply = self.run_command("EXEC")
        self.assertEqual({}, reply[1])
