"""Tests for L{tseep.testing.recorder}."""

from __future__ import annotations

from pytest_tseep.shared import RecordedCommand
from tseep.test.packages import skip_without
from tseep.test.support import START
from tseep.test.testing.support import UnderTestTests
from tseep.testing.faults import Rule
from tseep.testing.recorder import MAX_ARGUMENT_BYTES, REMEMBERED


class RecorderTests(UnderTestTests):
    """Records of commands."""

    def shown(self, count: int = 10) -> list[list[str]]:
        """Return the last commands."""
        return [each.argv for each in self.server.recorder.last(count)]

    def test_entry(self) -> None:
        """An entry has the client, its database, the arguments and the time."""
        self.server.recorder.start(1)
        self.run_command("SELECT", 3)
        self.run_command("SET", b"\xff", "v")
        self.assertEqual(
            [
                RecordedCommand(1, 0, ["SELECT", "3"], START),
                RecordedCommand(1, 3, ["SET", "\udcff", "v"], START),
            ],
            self.server.recorder.stop(1),
        )

    def test_two_records(self) -> None:
        """Each record has the commands between its start and its stop."""
        for number in (1, 2):
            self.server.recorder.start(number)
            self.run_command("ECHO", number)
        self.assertEqual(2, len(self.server.recorder.stop(1)))
        self.run_command("PING")
        self.assertEqual([["ECHO", "2"], ["PING"]], [each.argv for each in self.server.recorder.stop(2)])
        error = self.assertRaises(ValueError, self.server.recorder.stop, 2)
        self.assertEqual("there is no record 2; flush ends all records", str(error))

    def test_what_is_recorded(self) -> None:
        """Administrators' commands, those of a transaction before their EXEC, and those that a fault refuses."""
        self.server.faults.add(Rule(frozenset({b"get"}), error="OOM no"))
        self.run_command("CONFIG", "GET", "port")
        self.run_command("MULTI")
        self.run_command("INCR", "k")
        self.run_command("EXEC")
        self.run_command("GET", "k")
        self.run_command("UNKNOWN")
        self.assertEqual([["CONFIG", "GET", "port"], ["MULTI"], ["INCR", "k"], ["EXEC"], ["GET", "k"]], self.shown())

    def test_script(self) -> None:
        """A script's commands have the client 0."""
        self.run_command("EVAL", "return redis.call('INCR', 'k')", 0)
        self.assertEqual([1, 0], [each.client for each in self.server.recorder.last(2)])

    test_script.skip = skip_without("lupa")

    def test_secrets(self) -> None:
        """Passwords are redacted."""
        self.run_command("AUTH", "default", "secret")
        self.assertEqual([["AUTH", "(redacted)", "(redacted)"]], self.shown())

    def test_last(self) -> None:
        """The oldest commands are forgotten, and long arguments cut."""
        for number in range(REMEMBERED + 2):
            self.run_command("ECHO", number)
        self.assertEqual([["ECHO", "2"]], self.shown(1000)[:1])
        self.assertEqual(REMEMBERED, len(self.shown(1000)))
        self.assertEqual([], self.shown(0))
        self.server.recorder.start(1)
        self.run_command("ECHO", "x" * 10_000)
        self.assertEqual(MAX_ARGUMENT_BYTES, len(self.shown(1)[0][1]))
        self.assertEqual(10_000, len(self.server.recorder.stop(1)[0].argv[1]))

    def test_monitor(self) -> None:
        """MONITOR works, too."""
        monitor = self.connect()
        self.assertReply("OK", "MONITOR", session=monitor)
        self.run_command("PING")
        (line,) = self.sent(monitor)
        self.assertIn('"PING"', line)
        self.server.disconnect(monitor)
        self.run_command("PING")
        self.assertEqual([["MONITOR"], ["PING"], ["PING"]], self.shown())
