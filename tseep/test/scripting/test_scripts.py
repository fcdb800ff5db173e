"""Tests for L{tseep.scripting.scripts} and the commands about scripts.

redis-server is compared in tests/server/test_scripts.py.
"""

from __future__ import annotations

from typing import List

from tseep.scripting.lua import interpreter
from tseep.scripting.scripts import NO_SCRIPT, NOT_BUSY, UNKILLABLE
from tseep.test.support import Error, SessionTests, decode

SHA = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
"""The digest of C{return 1}."""


class ScriptsTests(SessionTests):
    """Scripts that are run, known and forgotten."""

    def test_eval(self) -> None:
        """A script is given keys and arguments, and its value is the reply."""
        self.assertReply([b"k", b"a", 1, 1], "EVAL", "return {KEYS[1], ARGV[1], #KEYS, #ARGV}", 1, "k", "a")

    def test_sha(self) -> None:
        """A script that was run, or loaded, is known by its digest until all are forgotten."""
        self.assertError(NO_SCRIPT, "EVALSHA", SHA, 0)
        self.assertReply(SHA.encode(), "SCRIPT", "LOAD", "return 1")
        self.assertReply(1, "EVALSHA", SHA.upper(), 0)
        self.assertReply([1, 0], "SCRIPT", "EXISTS", SHA, "x")
        self.assertReply("OK", "SCRIPT", "FLUSH")
        self.assertError(NO_SCRIPT, "EVALSHA", SHA, 0)

    def test_database(self) -> None:
        """A script begins in its client's database; where it goes is its own affair."""
        self.run_command("SELECT", 2)
        self.run_command("EVAL", "redis.call('SET', 'a', 1) redis.call('SELECT', 3) redis.call('SET', 'b', 1)", 0)
        self.assertReply([b"a"], "KEYS", "*")
        self.run_command("SELECT", 3)
        self.assertReply([b"b"], "KEYS", "*")

    def test_blocking(self) -> None:
        """In a script nobody waits."""
        self.assertReply(None, "EVAL", "return redis.call('BLMPOP', 0, 1, 'l', 'LEFT')", 0)

    def test_waiting(self) -> None:
        """Who waits for a key is served after the script, not in the middle of it."""
        waiter = self.connect()
        self.send("BLPOP", "l", 0, session=waiter)
        script = "redis.call('RPUSH', 'l', 'x') return redis.call('LLEN', 'l')"
        self.assertReply(1, "EVAL", script, 0)
        self.assertEqual([[b"l", b"x"]], self.sent(waiter))

    def test_watched(self) -> None:
        """A key that a script has changed spoils a transaction."""
        other = self.connect()
        self.run_command("WATCH", "k")
        self.run_command("EVAL", "return redis.call('SET', 'k', 1)", 0, session=other)
        self.run_command("MULTI")
        self.assertReply(None, "EXEC")

    def test_in_transaction(self) -> None:
        """A script may be part of a transaction."""
        self.run_command("MULTI")
        self.run_command("EVAL", "return redis.call('INCR', 'n')", 0)
        self.run_command("INCR", "n")
        self.assertReply([1, 2], "EXEC")

    def test_monitor(self) -> None:
        """What a script calls is shown as its own."""
        monitor = self.connect()
        self.run_command("MONITOR", session=monitor)
        self.run_command("EVAL", "redis.call('GET', 'k')", 0)
        lines = [line.partition(" ")[2] for line in self.sent(monitor)]
        self.assertEqual(['[0 127.0.0.1:50000] "EVAL" "redis.call(\'GET\', \'k\')" "0"', '[0 lua] "GET" "k"'], lines)

    def test_tracking(self) -> None:
        """What a script reads counts as read by its client."""
        self.run_command("HELLO", 3)
        self.run_command("CLIENT", "TRACKING", "ON")
        self.run_command("EVAL", "return redis.call('GET', 'k')", 0)
        self.run_command("SET", "k", 1, session=self.connect())
        self.assertEqual([[b"invalidate", [b"k"]]], self.sent(self.session))

    def test_errors_counted_once(self) -> None:
        """An error that a command gives a script, which fails of it, is counted once."""
        self.run_command("SET", "s", "x")
        self.run_command("EVAL", "return redis.call('LPUSH', 's', 1)", 0)
        self.run_command("EVAL", "return redis.pcall('LPUSH', 's', 1)", 0)
        self.assertEqual({b"WRONGTYPE": 2}, self.server.stats.errors)

    def test_log(self) -> None:
        """redis.log writes to the server's log."""
        logged: List[tuple[int, str]] = []
        self.server.log = lambda level, text: logged.append((level, text))
        self.run_command("EVAL", "redis.log(redis.LOG_WARNING, 'one', 2)", 0)
        self.assertEqual([(3, "one 2")], logged)

    def test_fault(self) -> None:
        """A fault of the server's own is not taken for the script's."""

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        self.server.commands[b"ping"].run = fail
        self.assertRaises(ZeroDivisionError, self.send, "EVAL", "return redis.pcall('PING')", 0)
        self.assertIs(None, self.server.scripting.running)

    def test_not_installed(self) -> None:
        """Without Lua there is one clear error."""

        def missing(name: str) -> None:
            raise ImportError(name)

        self.patch(interpreter, "import_module", missing)
        for argv in (["EVAL", "return 1", 0], ["SCRIPT", "LOAD", "return 1"], ["FUNCTION", "LOAD", "#!lua name=x\n"]):
            self.assertError("ERR Lua is not installed here: pip install 'tseep[lua]'", *argv)


class KillTests(SessionTests):
    """Scripts that run for long."""

    config = {"busy-reply-threshold": "1"}

    def setUp(self) -> None:
        super().setUp()
        self.other = self.connect()
        self.times = iter(range(0, 10**15, 2_000_000))
        self.server.timer = self.times.__next__
        self.heard: List[object] = []

    def meanwhile(self, *argv: str) -> None:
        """What another client says while a script runs."""

        def say() -> None:
            self.heard += decode(self.send(*argv, session=self.other))

        self.server.serve_others = say

    def test_kill(self) -> None:
        """SCRIPT KILL ends a script."""
        self.meanwhile("SCRIPT", "KILL")
        reply = self.run_command("EVAL", "while true do pcall(function() while true do end end) end", 0)
        self.assertIn("killed", reply)
        self.assertEqual("OK", self.heard[0])
        self.assertReply(1, "EVAL", "return 1", 0)

    def test_unkillable(self) -> None:
        """A script that has changed something is not ended."""
        self.meanwhile("SCRIPT", "KILL")
        self.assertReply(1, "EVAL", "redis.call('SET', 'k', 1) for i = 1, 1e6 do end return 1", 0)
        self.assertEqual({Error(UNKILLABLE)}, set(self.heard))

    def test_other_kind(self) -> None:
        """FUNCTION KILL does not end a script."""
        self.meanwhile("FUNCTION", "KILL")
        self.assertReply(1, "EVAL", "for i = 1, 1e6 do end return 1", 0)
        self.assertTrue(str(self.heard[0]).startswith("BUSY"))

    def test_not_busy(self) -> None:
        """There may be nothing to end."""
        self.assertError(NOT_BUSY, "SCRIPT", "KILL")
        self.assertError(NOT_BUSY, "FUNCTION", "KILL")
