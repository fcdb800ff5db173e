"""Tests of L{tseep.server.server}."""

from __future__ import annotations

from itertools import count
from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.parameters import Config
from tseep.datatypes.list import RedisList
from tseep.errors import CommandError
from tseep.server import output_limits
from tseep.server.cron import SWEEP_BATCH, SWEEP_BUDGET_NS
from tseep.server.output_limits import LARGE_OUTPUT
from tseep.server.server import PROTECTED, TOO_MANY_CLIENTS, Server
from tseep.session.session import Session
from tseep.test.support import START, Error, MemoryConnection, SessionTests, decode, encode

MS = 1_000_000
"""Nanoseconds per millisecond."""


class ClientsTests(SessionTests):
    """Connection, C{maxclients}, protected mode and disconnection of clients."""

    config = {"maxclients": "3"}

    def test_ids(self) -> None:
        """Client IDs ascend in order of connection and are never reused."""
        second = self.connect()
        self.assertEqual((1, 2), (self.session.id, second.id))
        self.server.disconnect(second)
        self.assertEqual(3, self.connect().id)
        self.assertEqual({1, 3}, set(self.server.sessions))

    def test_too_many(self) -> None:
        """A client above C{maxclients} is refused and counted, until another disconnects."""
        self.connect()
        third = self.connect()
        self.assertEqual(TOO_MANY_CLIENTS, self.server.connect(MemoryConnection()))
        self.assertEqual((1, 3), (self.server.stats.rejected_connections, self.server.stats.connections_received))
        self.server.disconnect(third)
        self.assertIsInstance(self.server.connect(MemoryConnection()), Session)

    def test_protected(self) -> None:
        """Protected mode without a password refuses remote clients, and no local ones."""
        elsewhere = MemoryConnection()
        elsewhere.peer = "192.0.2.1:5000"
        self.server.config.set("maxclients", "10")
        self.assertEqual(PROTECTED, self.server.connect(elsewhere))
        for peer, host in (("[::1]:5", "[::1]:6379"), ("/path:0", "/path:0"), ("127.9.9.9:5", "127.0.0.1:6379")):
            local = MemoryConnection()
            local.peer, local.host = peer, host
            self.assertIsInstance(self.server.connect(local), Session)
        for name, value in (("protected-mode", "no"), ("requirepass", "secret")):
            before = self.server.config.show(name)
            self.run_command("CONFIG", "SET", name, value)
            self.assertIsInstance(self.server.connect(elsewhere), Session)
            self.run_command("CONFIG", "SET", name, before)
        self.assertEqual(PROTECTED, self.server.connect(elsewhere))

    def test_disconnect_twice(self) -> None:
        """C{disconnect} is idempotent."""
        self.server.disconnect(self.session)
        self.server.disconnect(self.session)
        self.assertEqual({}, self.server.sessions)


class LookupTests(SessionTests):
    """Lookup of commands by name, and Redis's errors."""

    def refusal(self, *argv: bytes) -> bytes:
        """Return the error message of a lookup that fails."""
        return self.assertRaises(CommandError, self.server.table.lookup, list(argv)).message

    def test_any_case(self) -> None:
        """Names of commands and subcommands are case-insensitive."""
        self.assertEqual(b"get", self.server.table.lookup([b"gEt", b"a"]).name)
        self.assertEqual(b"client|id", self.server.table.lookup([b"cLiEnT", b"iD"]).name)

    def test_the_usual_spellings(self) -> None:
        """The dispatch table has the lower- and upper-case names of commands without subcommands."""
        self.assertIs(self.server.table.commands[b"get"], self.server.table.dispatch[b"GET"])
        self.assertIs(self.server.table.commands[b"get"], self.server.table.dispatch[b"get"])
        for name in (b"client", b"CLIENT", b"command", b"COMMAND"):
            self.assertNotIn(name, self.server.table.dispatch)

    def test_unknown(self) -> None:
        """The error for an unknown command quotes the first arguments, cut to 128 bytes."""
        before = b"ERR unknown command 'x', with args beginning with: "
        self.assertEqual(before, self.refusal(b"x"))
        self.assertEqual(before + b"'a' '' ", self.refusal(b"x", b"a", b""))
        self.assertEqual(before + b"'%b' " % (b"y" * 128), self.refusal(b"x", b"y" * 200, b"z"))
        self.assertEqual(
            b"ERR unknown command '%b', with args beginning with: " % (b"x" * 128), self.refusal(b"x" * 200)
        )

    def test_unknown_subcommand(self) -> None:
        """The error for an unknown subcommand refers to HELP."""
        self.assertEqual(b"ERR unknown subcommand 'x'. Try CLIENT HELP.", self.refusal(b"client", b"x"))
        self.assertEqual(
            b"ERR unknown subcommand '%b'. Try CLIENT HELP." % (b"x" * 128), self.refusal(b"CLIENT", b"x" * 200)
        )

    def test_wrong_number(self) -> None:
        """A wrong number of arguments is an error and counted as a rejected call."""
        for argv, name in (([b"GET"], b"get"), ([b"CLIENT"], b"client"), ([b"CLIENT", b"ID", b"x"], b"client|id")):
            self.assertEqual(b"ERR wrong number of arguments for '%b' command" % name, self.refusal(*argv))
        self.assertEqual(1, self.server.table.commands[b"get"].calls.rejected)
        self.assertEqual(1, self.server.table.commands[b"client"].subcommands[b"id"].calls.rejected)

    def test_servers_count_apart(self) -> None:
        """Two servers in one process have separate command statistics."""
        self.run_command("GET", "a")
        self.assertEqual(1, self.server.table.commands[b"get"].calls.count)
        self.assertEqual(0, Server().table.commands[b"get"].calls.count)

    def test_native_counts_with_redis(self) -> None:
        """The native protocol's two commands count as GET and SET."""
        native = self.server.table.native_dispatch
        self.assertIs(self.server.table.commands[b"get"].calls, native[b"GET"].calls)
        self.assertIs(self.server.table.commands[b"set"].calls, native[b"SET"].calls)


class HTTPTests(SessionTests):
    """HTTP requests sent to the Redis port."""

    def test_told_once_a_minute(self) -> None:
        """A client that sends POST or C{Host:} is closed; it is logged at most once a minute."""
        told: list[str] = []
        self.server.host.log = lambda level, text: told.append(f"{level} {text}")
        for seconds in (0, 59, 1):
            self.pass_time(seconds)
            session = self.connect()
            self.assertEqual(b"", self.send("POST", "/", session=session))
            self.assertTrue(session.closing)
        self.assertEqual(
            ["3 Closed 127.0.0.1:50000, which sent HTTP (POST or Host:)"] * 2, [text[:57] for text in told]
        )


class ConfiguredTests(SessionTests):
    """C{apply_config} updates the server's settings."""

    def test_taken_over(self) -> None:
        """Limits and thresholds change when C{apply_config} is called."""
        values = {"proto-max-bulk-len": "1mb", "client-query-buffer-limit": "2mb", "slowlog-log-slower-than": "70",
                  "latency-monitor-threshold": "5"}  # fmt: skip
        for name, text in values.items():
            self.server.config.set(name, text)
        self.server.apply_config()
        self.assertEqual((2**20, 2**21), (self.server.limits.bulk, self.server.limits.query_buffer))
        self.assertEqual((70_000, 5), (self.server.slowlog.threshold_ns, self.server.latency.threshold))

    def test_slow(self) -> None:
        """C{slow} is the lower of both thresholds; a disabled one is ignored."""
        for slower, threshold, expected in (
            ("10000", "1", MS),
            ("100", "1", 100_000),
            ("-1", "3", 3 * MS),
            ("0", "0", 0),
        ):
            self.server.config.set("slowlog-log-slower-than", slower)
            self.server.config.set("latency-monitor-threshold", threshold)
            self.server.apply_config()
            self.assertEqual(expected, self.server.slow)

    def test_databases(self) -> None:
        """C{databases} sets the number of databases."""
        self.assertEqual(3, len(Server(Config(databases="3")).keyspace.databases))


class CronTests(SessionTests):
    """The periodic work of L{tseep.server.cron}."""

    config = {"timeout": "10"}

    def fill(self, count: int) -> None:
        """Set C{count} keys that expire in a second."""
        for number in range(count):
            self.run_command("SET", f"key:{number}", "x", "PX", 1000)

    def test_expired_keys_go(self) -> None:
        """Expired keys that are not accessed are removed."""
        self.fill(3 * SWEEP_BATCH)
        self.server.cron.run()
        self.assertEqual(3 * SWEEP_BATCH, len(self.session.db))
        self.pass_time(3)
        self.server.cron.run()
        self.assertEqual(0, len(self.session.db))
        self.assertEqual(3 * SWEEP_BATCH, self.server.keyspace.expired)

    def test_sweep_is_bounded(self) -> None:
        """One run sweeps for at most C{SWEEP_BUDGET_NS}; the next run continues."""
        self.fill(3 * SWEEP_BATCH)
        self.pass_time(3)
        times = iter(range(0, 100 * SWEEP_BUDGET_NS, SWEEP_BUDGET_NS))
        self.server.timer = lambda: next(times)
        self.server.cron.run()
        self.assertEqual(2 * SWEEP_BATCH, len(self.session.db))
        self.server.cron.run()
        self.assertEqual(SWEEP_BATCH, len(self.session.db))

    def test_sweep_with_more_effort(self) -> None:
        """active-expire-effort is the factor of the time of a run; INFO counts the runs that it has ended."""
        self.fill(5 * SWEEP_BATCH)
        self.pass_time(3)
        self.run_command("CONFIG", "SET", "active-expire-effort", 3)
        self.server.timer = count(0, SWEEP_BUDGET_NS).__next__
        self.server.cron.run()
        self.assertEqual(2 * SWEEP_BATCH, len(self.session.db))
        self.assertEqual((1, 3 * SWEEP_BUDGET_NS), (self.server.cron.interrupted_sweeps, self.server.cron.sweep_ns))

    def test_long_expiry(self) -> None:
        """The latency monitor records a run that took long for one key, such as a large set."""
        self.run_command("CONFIG", "SET", "latency-monitor-threshold", 20)
        self.fill(1)
        self.pass_time(3)
        self.server.timer = count(0, 30_000_000).__next__
        self.server.cron.run()
        self.server.timer = self.look_at_timer
        self.assertReply([[b"expire-cycle", START + 3, 30, 30]], "LATENCY", "LATEST")

    def test_sweep_can_be_off(self) -> None:
        """With DEBUG SET-ACTIVE-EXPIRE 0 expired keys are removed on access only."""
        self.fill(1)
        self.server.cron.active_expire = False
        self.pass_time(3)
        self.server.cron.run()
        self.assertEqual(1, len(self.session.db))

    def test_idle_clients_go(self) -> None:
        """A client idle for longer than C{timeout} is closed; one that sent a command is not."""
        other = self.connect()
        self.pass_time(9.5)
        self.server.cron.run()
        self.assertFalse(self.session.connection.closed)
        self.run_command("PING", session=other)
        self.pass_time(1.5)
        self.server.cron.run()
        self.assertEqual((True, False), (self.session.connection.closed, other.connection.closed))

    def test_no_timeout(self) -> None:
        """With C{timeout} 0 idle clients stay connected."""
        self.server.config.set("timeout", "0")
        self.pass_time(10**6)
        self.server.cron.run()
        self.assertFalse(self.session.connection.closed)

    def test_no_part_stops_another(self) -> None:
        """
        A failing part of cron does not stop the parts after it; its failure and its recovery are each logged
        once.
        """
        lines: list[str] = []
        self.server.host.log = lambda level, text: lines.append(text)

        def fail() -> None:
            raise OSError("no file is left")

        work, self.server.persistence.cron = self.server.persistence.cron, fail
        self.pass_time(11)
        self.server.cron.run()
        self.assertTrue(self.session.connection.closed)
        self.server.cron.run()
        self.server.persistence.cron = work
        self.server.cron.run()
        self.server.cron.run()
        self.assertEqual(2, len(lines), lines)
        self.assertIn("OSError: no file is left", lines[0])
        self.assertEqual("Persistence works again", lines[1])

    def test_output_is_looked_at_each_second(self) -> None:
        """The soft output limit is checked each second, also without traffic; closing a client is logged."""
        lines: list[str] = []
        self.server.host.log = lambda level, text: lines.append(text)
        self.server.config.set("timeout", "0")
        self.server.config.set("client-output-buffer-limit", "normal 0 100 5")
        connection = self.session.connection
        connection.unsent = 200
        self.server.outputs.check(self.session, 200)
        self.pass_time(4)
        self.server.cron.run()
        self.assertFalse(connection.closed)
        self.pass_time(2)
        self.server.cron.run()
        self.assertTrue(connection.closed)
        self.server.outputs.check(self.session, 200)
        self.assertEqual(1, len(lines), lines)
        self.assertIn(f"Client id={self.session.id} ", lines[0])
        self.assertIn("closed for overcoming of output buffer limits.", lines[0])

    def test_output_before_authentication(self) -> None:
        """A client that has to authenticate may have a kilobyte of unsent output, whatever the limits are."""
        self.server.config.set("client-output-buffer-limit", "normal 0 0 0")
        self.server.outputs.check(self.session, 2000)
        self.run_command("CONFIG", "SET", "requirepass", "secret")
        stranger = self.connect()
        self.server.outputs.check(self.session, 2000)
        self.server.outputs.check(stranger, 1000)
        self.assertFalse(self.session.connection.closed or stranger.connection.closed)
        self.server.outputs.check(stranger, 2000)
        self.assertTrue(stranger.connection.closed)

    def test_memory_is_given_back(self) -> None:
        """Memory is released to the system once, when no output is pending any more after C{LARGE_OUTPUT} or more."""
        given: list[str] = []
        self.patch(output_limits, "release_memory", lambda: given.append("back"))
        self.server.config.set("timeout", "0")
        connection, other = self.session.connection, self.connect()
        for unsent in (1000, LARGE_OUTPUT):
            connection.unsent = other.connection.unsent = unsent
            for session in (self.session, other):
                self.server.outputs.check(session, unsent)
            connection.unsent = 0
            for _ in range(2):
                self.pass_time(1)
                self.server.cron.run()
            self.assertEqual([], given)
            other.connection.unsent = 0
            for _ in range(2):
                self.pass_time(1)
                self.server.cron.run()
            self.assertEqual(["back"] if unsent == LARGE_OUTPUT else [], given)

    def test_output_is_taken_in_time(self) -> None:
        """A client that has read its output by the next check stays connected."""
        self.server.config.set("timeout", "0")
        self.server.config.set("client-output-buffer-limit", "normal 0 100 5")
        self.server.outputs.check(self.session, 200)
        for _ in range(10):
            self.pass_time(2)
            self.server.cron.run()
        self.assertFalse(self.session.connection.closed)

    def test_time_passes(self) -> None:
        """Cron updates the keyspace's time from the clock."""
        self.pass_time(5)
        self.server.cron.run()
        self.assertEqual((START + 5) * 1000, self.server.keyspace.now)


class SlowTests(SynchronousTestCase):
    """Slow commands in the slow log and the latency monitor."""

    def setUp(self) -> None:
        self.step = 0
        self.ticks = 0
        self.server = Server(Config(latency_monitor_threshold="5"), lambda: float(START), self.timer)
        session = self.server.connect(MemoryConnection())
        assert session is not None
        self.session = session

    def timer(self) -> int:
        """Advance the timer by C{step} at each call."""
        self.ticks += self.step
        return self.ticks

    def test_noted(self) -> None:
        """A slow command is in the slow log and, as C{command} or C{fast-command}, in the latency monitor."""
        self.step = 20 * MS
        self.session.receive(encode("GET", "a") + encode("DEL", "a", "b"))
        self.assertEqual([[b"DEL", b"a", b"b"], [b"GET", b"a"]], [entry.argv for entry in self.server.slowlog.entries])
        events = {name: list(event.samples) for name, event in self.server.latency.events.items()}
        self.assertEqual({"fast-command": [(START, 20)], "command": [(START, 20)]}, events)

    def test_not_noted(self) -> None:
        """Each threshold decides for itself whether a command is recorded."""
        self.step = 4 * MS
        self.session.receive(encode("GET", "a"))
        self.assertEqual((0, {}), (len(self.server.slowlog.entries), self.server.latency.events))
        self.step = 9 * MS
        self.session.receive(encode("GET", "a"))
        self.assertEqual((0, ["fast-command"]), (len(self.server.slowlog.entries), list(self.server.latency.events)))


class Script:
    """A stand-in for a long-running command: it yields to other clients once, then ends."""

    error = "BUSY a script runs"

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.killed = False
        self._meanwhile = meanwhile

    def kill(self) -> None:
        self.killed = True

    def run(self, session: Session, argv: list[bytes]) -> bytes:
        """Serve other clients in the middle of the command."""
        server = session.server
        server.host.serve_clients = lambda seconds=0: self._meanwhile()
        server.yield_to_clients(self)  # type: ignore[arg-type] # has what a running script has
        server.end_busy()
        return b"done"


class BusyTests(SessionTests):
    """While a long command runs, other clients get BUSY and no other work is done."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.connect()
        self.received: list[Any] = []

    def run_long(self, meanwhile: Callable[[], None]) -> list[Any]:
        """Run a L{Script} in place of PING; return its client's replies."""
        self.script = Script(meanwhile)
        self.server.table.commands[b"ping"].run = self.script.run
        return decode(self.send("PING"))

    def test_others(self) -> None:
        """Other clients get the BUSY error, except for a few commands."""

        def meanwhile() -> None:
            for argv in (["GET", "k"], ["SHUTDOWN"], ["MULTI"]):
                self.received += decode(self.send(*argv, session=self.other))

        self.assertEqual([b"done"], self.run_long(meanwhile))
        self.assertEqual([Error(Script.error), Error(Script.error), "OK"], self.received)
        self.assertReply(None, "GET", "k")
        self.assertIn(b"GET", self.server.table.dispatch)

    def test_its_own_client(self) -> None:
        """Commands of the busy client itself run after the long command."""
        self.assertEqual([b"done", b"x"], self.run_long(lambda: self.received.append(self.send("ECHO", "x"))))
        self.assertEqual([b""], self.received)

    def test_time_stands_still(self) -> None:
        """For a running command the keyspace's time stands still; no key expires until it ends."""
        now = self.server.keyspace.now
        self.run_command("SET", "k", "1", "PX", 10)

        def meanwhile() -> None:
            self.pass_time(5)
            self.send("PING", session=self.other)
            self.server.cron.run()
            self.server.fire()
            self.received.append((self.server.keyspace.expired, len(self.session.db)))

        self.run_long(meanwhile)
        self.assertEqual([(0, 1)], self.received)
        self.assertEqual(now + 5000, self.server.keyspace.now)
        self.server.cron.run()
        self.assertEqual(1, self.server.keyspace.expired)

    def test_waiting_goes_on(self) -> None:
        """Blocked clients are not served, nor do they time out, before the command ends."""
        waiter = self.connect()
        self.send("BLPOP", "list", 1, session=waiter)

        def meanwhile() -> None:
            self.pass_time(5)
            self.session.db.set(b"list", RedisList([b"x"]), b"lpush")
            self.send("PING", session=self.other)
            self.server.fire()
            self.received += self.sent(waiter)

        self.run_long(meanwhile)
        self.assertEqual([], self.received)
        self.assertEqual([[b"list", b"x"]], self.sent(waiter))

    def test_end_of_the_server(self) -> None:
        """SHUTDOWN kills the running command."""
        self.server.host.shut_down = lambda: self.received.append("shut down")
        self.run_long(lambda: self.received.append(self.send("SHUTDOWN", "NOSAVE", session=self.other)))
        self.assertEqual(["shut down", b""], self.received)
        self.assertTrue(self.script.killed)

    def test_stop_once(self) -> None:
        """C{stop} calls C{shut_down} once, however often it is called."""
        self.server.host.shut_down = lambda: self.received.append("shut down")
        self.server.stop()
        self.server.stop()
        self.assertEqual(["shut down"], self.received)
