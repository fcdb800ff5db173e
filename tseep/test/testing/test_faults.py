"""Tests for L{tseep.testing.faults}."""

from __future__ import annotations

from pytest_tseep.shared import Change
from tseep.errors import LOADING
from tseep.session.session import Session
from tseep.test.packages import skip_without
from tseep.test.support import Error, decode, encode
from tseep.test.testing.support import UnderTestTests
from tseep.testing.faults import Rule, State

ERRORS = (
    "MOVED 3999 127.0.0.1:6381",
    "ASK 3999 127.0.0.1:6381",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "CLUSTERDOWN The cluster is down",
    "READONLY You can't write against a read only replica.",
    "WRONGTYPE \u00fc",
)

GET = frozenset({b"get"})


class FailTests(UnderTestTests):
    """Commands that fail."""

    def refuse(self, error: str = "OOM no", names: frozenset[bytes] | None = GET, times: int | None = None) -> int:
        """Let commands fail. Return the number of the fault."""
        return self.server.faults.add(Rule(names, times=times, error=error))

    def test_texts(self) -> None:
        """An error can have any text."""
        for text in ERRORS:
            number = self.refuse(text)
            self.assertReply(Error(text.encode().decode("utf-8", "surrogateescape")), "GET", "k")
            self.server.faults.undo(number)
        self.assertReply(None, "GET", "k")

    def test_times(self) -> None:
        """After so many calls the command is executed again; other commands are, always."""
        self.refuse(times=2)
        self.assertReply("OK", "SET", "k", "v")
        self.assertReply(Error("OOM no"), "GET", "k")
        self.assertReply(Error("OOM no"), "get", "k")
        self.assertReply(b"v", "GET", "k")

    def test_order(self) -> None:
        """Errors of the same command apply in the order of their faults."""
        self.refuse("MOVED 1 127.0.0.1:1", times=1)
        self.refuse("ASK 1 127.0.0.1:1", times=1)
        self.assertReply(Error("MOVED 1 127.0.0.1:1"), "GET", "k")
        self.assertReply(Error("ASK 1 127.0.0.1:1"), "GET", "k")
        self.assertReply(None, "GET", "k")

    def test_pipeline(self) -> None:
        """Only the command itself fails."""
        self.refuse(times=1)
        data = encode("SET", "k", "v") + encode("GET", "k") + encode("GET", "k")
        self.assertEqual(["OK", Error("OOM no"), b"v"], decode(self.session.receive(data)))

    def test_each(self) -> None:
        """Without a name each command fails, subcommands as well."""
        self.refuse(names=None)
        for argv in (["PING"], ["CLIENT", "ID"], ["MULTI"]):
            self.assertReply(Error("OOM no"), *argv)

    def test_statistics(self) -> None:
        """A failed call counts as rejected, and by its error."""
        self.refuse()
        self.run_command("GET", "k")
        self.assertEqual(1, self.server.table.commands[b"get"].calls.rejected)
        self.assertEqual({b"OOM": 1}, self.server.stats.errors)

    def test_queued(self) -> None:
        """A command that fails when it is queued makes EXEC fail, as in Redis."""
        self.refuse(times=1)
        self.run_command("MULTI")
        self.assertReply(Error("OOM no"), "GET", "k")
        self.assertReply(Error("EXECABORT Transaction discarded because of previous errors."), "EXEC")
        self.assertReply(None, "GET", "k")

    def test_exec(self) -> None:
        """An EXEC that fails ends the transaction, and replies with the error alone."""
        self.refuse("MOVED 1 127.0.0.1:1", frozenset({b"exec"}), times=1)
        self.run_command("MULTI")
        self.run_command("SET", "k", "v")
        self.assertReply(Error("MOVED 1 127.0.0.1:1"), "EXEC")
        self.assertReply(None, "GET", "k")

    def test_script(self) -> None:
        """A command inside a script fails, too."""
        self.refuse("READONLY no", frozenset({b"set"}), times=1)
        error = self.run_command("EVAL", "return redis.call('SET', 'k', 'v')", 0)
        self.assertIn("READONLY no", error)
        self.assertReply("OK", "EVAL", "return redis.call('SET', 'k', 'v')", 0)

    test_script.skip = skip_without("lupa")

    def test_permission_first(self) -> None:
        """A client that may not call the command gets the usual error."""
        self.run_command("ACL", "SETUSER", "default", "-get")
        self.refuse(times=1)
        self.assertIn("NOPERM", self.run_command("GET", "k"))
        self.run_command("ACL", "SETUSER", "default", "+get")
        self.assertReply(Error("OOM no"), "GET", "k")

    def test_native_protocol(self) -> None:
        """The binary protocol is affected, too."""
        self.refuse()
        other = self.connect()
        self.assertIn(b"OOM no", other.receive(b"\x01\x00\x02\x01k"))


class DropTests(UnderTestTests):
    """Connections that are closed in place of an execution."""

    def test_after(self) -> None:
        """The commands before are executed, the one after it is again."""
        self.server.faults.add(Rule(skip=2, times=1, drops=True))
        data = encode("SET", "k", "v") + encode("GET", "k") + encode("DEL", "k") + encode("DEL", "k")
        self.assertEqual(["OK", b"v"], decode(self.session.receive(data)))
        self.assertTrue(self.session.closing)
        self.assertReply(b"v", "GET", "k", session=self.connect())


class DelayTests(UnderTestTests):
    """Commands that wait."""

    def delay(self, seconds: float = 0.5, times: int | None = None, error: str = "") -> int:
        """Let GET wait."""
        return self.server.faults.add(Rule(GET, times=times, seconds=seconds, error=error))

    def test_waits(self) -> None:
        """The command and those after it are executed later; other clients are served."""
        self.delay()
        self.assertEqual(b"", self.session.receive(encode("GET", "k") + encode("PING")))
        self.assertReply("OK", "SET", "k", "v", session=self.connect())
        self.reactor.advance(0.4)
        self.assertEqual([], self.sent(self.session))
        self.reactor.advance(0.2)
        self.assertEqual([b"v", "PONG"], self.sent(self.session))
        self.assertEqual(b"", self.session.receive(encode("GET", "k")))

    def test_real_time(self) -> None:
        """It does not depend on the server's clock."""
        self.server.move_clock(self.server.test_clock.freeze)
        self.delay()
        self.session.receive(encode("GET", "k"))
        self.server.move_clock(lambda: self.server.test_clock.advance(10))
        self.assertEqual([], self.sent(self.session))
        self.reactor.advance(0.5)
        self.assertEqual([None], self.sent(self.session))

    def test_undo(self) -> None:
        """What waits is executed when the fault ends."""
        number = self.delay(times=1)
        self.session.receive(encode("GET", "k"))
        self.server.faults.undo(number)
        self.server.run_deferred()
        self.assertEqual([None], self.sent(self.session))
        self.reactor.advance(1)
        self.assertEqual([], self.sent(self.session))

    def test_then_fails(self) -> None:
        """A fault of the same command applies after the wait."""
        self.delay(times=1)
        self.server.faults.add(Rule(GET, times=1, error="OOM no"))
        self.session.receive(encode("GET", "k"))
        self.assertReply(None, "GET", "k", session=self.connect())
        self.reactor.advance(0.5)
        self.assertEqual([Error("OOM no")], self.sent(self.session))

    def test_disconnected(self) -> None:
        """The command of a client that has disconnected is not executed."""
        self.delay()
        self.session.receive(encode("GET", "k"))
        self.server.disconnect(self.session)
        self.reactor.advance(1)
        self.assertEqual([], self.server.recorder.last(10))

    def test_blocking(self) -> None:
        """A blocking command blocks after its wait, and its timeout begins then."""
        self.server.faults.add(Rule(frozenset({b"blpop"}), times=1, seconds=0.5))
        self.session.receive(encode("BLPOP", "q", 1))
        self.reactor.advance(0.5)
        self.assertTrue(self.server.blocking)
        self.assertReply(1, "RPUSH", "q", "x", session=self.connect())
        self.assertEqual([[b"q", b"x"]], self.sent(self.session))

    def test_cancelled(self) -> None:
        """The host cancels what waits."""
        self.delay()
        self.session.receive(encode("GET", "k"))
        self.server.own_host.cancel_calls()
        self.assertEqual([], self.reactor.getDelayedCalls())


class StateTests(UnderTestTests):
    """States of the server."""

    def test_loading(self) -> None:
        """Commands are refused as while the data are loaded, until the time is over."""
        self.server.faults.enter(self.server.loads, 2.0)
        self.assertReply(Error(LOADING), "GET", "k")
        self.assertIn(b"loading:1", self.run_command("INFO", "persistence"))
        self.reactor.advance(2)
        self.assertReply(None, "GET", "k")

    def test_overlap(self) -> None:
        """A state begins with the first of its faults, and ends with the last."""
        events: list[str] = []
        state = State(lambda: events.append("begin"), lambda: events.append("end"))
        first, second = self.server.faults.enter(state), self.server.faults.enter(state)
        self.server.faults.undo(first)
        self.server.faults.undo(first)
        self.assertEqual(["begin"], events)
        self.server.faults.undo(second)
        self.assertEqual(["begin", "end"], events)

    def test_clear(self) -> None:
        """All faults end."""
        self.server.faults.add(Rule(error="OOM no"))
        self.server.faults.enter(self.server.loads)
        self.server.faults.clear()
        self.assertReply(None, "GET", "k")

    def test_pause(self) -> None:
        """CLIENT PAUSE works, and holds what a fault lets pass."""
        other: Session = self.connect()
        self.assertReply("OK", "CLIENT", "PAUSE", 1000, "WRITE")
        self.server.faults.add(Rule(GET, error="OOM no"))
        self.assertEqual(b"", other.receive(encode("SET", "k", "v")))
        self.assertReply(Error("OOM no"), "GET", "k")
        self.assertReply("OK", "CLIENT", "UNPAUSE")
        self.assertEqual(["OK"], self.sent(other))

    def test_fault(self) -> None:
        """A fault is a context manager, and ends once."""
        ended: list[int] = []
        with Change(lambda: ended.append(7), 7) as fault:
            self.assertEqual(7, fault.number)
        self.assertEqual([7], ended)
