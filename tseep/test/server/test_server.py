"""Tests of L{tseep.server.server}."""

from __future__ import annotations

from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.parameters import Config
from tseep.datatypes.list import RedisList
from tseep.errors import CommandError
from tseep.server import cron
from tseep.server.cron import LARGE_OUTPUT, SWEEP_BATCH, SWEEP_BUDGET_NS
from tseep.server.server import PROTECTED, TOO_MANY_CLIENTS, Server
from tseep.session.session import Session
from tseep.test.support import START, Error, MemoryConnection, SessionTests, decode, encode

MS = 1_000_000
"""Nanoseconds to the millisecond."""


class ClientsTests(SessionTests):
    """Who is connected."""

    config = {"maxclients": "3"}

    def test_ids(self) -> None:
        """Clients are numbered in the order of their coming, and no number comes twice."""
        second = self.connect()
        self.assertEqual((1, 2), (self.session.id, second.id))
        self.server.disconnect(second)
        self.assertEqual(3, self.connect().id)
        self.assertEqual({1, 3}, set(self.server.sessions))

    def test_too_many(self) -> None:
        """One too many is refused, until someone goes."""
        self.connect()
        third = self.connect()
        self.assertEqual(TOO_MANY_CLIENTS, self.server.connect(MemoryConnection()))
        self.assertEqual((1, 3), (self.server.stats.rejected_connections, self.server.stats.connections_received))
        self.server.disconnect(third)
        self.assertIsInstance(self.server.connect(MemoryConnection()), Session)

    def test_protected(self) -> None:
        """While there is no password, clients from elsewhere are refused; on this machine nobody is."""
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
        """A client may go twice."""
        self.server.disconnect(self.session)
        self.server.disconnect(self.session)
        self.assertEqual({}, self.server.sessions)


class LookupTests(SessionTests):
    """Which command is meant."""

    def refusal(self, *argv: bytes) -> bytes:
        """The words with which a command is refused."""
        return self.assertRaises(CommandError, self.server.table.lookup, list(argv)).message

    def test_any_case(self) -> None:
        """Names and subcommands are found in any case."""
        self.assertEqual(b"get", self.server.table.lookup([b"gEt", b"a"]).name)
        self.assertEqual(b"client|id", self.server.table.lookup([b"cLiEnT", b"iD"]).name)

    def test_the_usual_spellings(self) -> None:
        """The short way knows lower and upper case, and nothing that has subcommands."""
        self.assertIs(self.server.table.commands[b"get"], self.server.table.dispatch[b"GET"])
        self.assertIs(self.server.table.commands[b"get"], self.server.table.dispatch[b"get"])
        for name in (b"client", b"CLIENT", b"command", b"COMMAND"):
            self.assertNotIn(name, self.server.table.dispatch)

    def test_unknown(self) -> None:
        """An unknown name is told with the beginning of what came with it."""
        before = b"ERR unknown command 'x', with args beginning with: "
        self.assertEqual(before, self.refusal(b"x"))
        self.assertEqual(before + b"'a' '' ", self.refusal(b"x", b"a", b""))
        self.assertEqual(before + b"'%b' " % (b"y" * 128), self.refusal(b"x", b"y" * 200, b"z"))
        self.assertEqual(
            b"ERR unknown command '%b', with args beginning with: " % (b"x" * 128), self.refusal(b"x" * 200)
        )

    def test_unknown_subcommand(self) -> None:
        """An unknown subcommand is told with the way to help."""
        self.assertEqual(b"ERR unknown subcommand 'x'. Try CLIENT HELP.", self.refusal(b"client", b"x"))
        self.assertEqual(
            b"ERR unknown subcommand '%b'. Try CLIENT HELP." % (b"x" * 128), self.refusal(b"CLIENT", b"x" * 200)
        )

    def test_wrong_number(self) -> None:
        """A wrong number of arguments is told, and counted as rejected."""
        for argv, name in (([b"GET"], b"get"), ([b"CLIENT"], b"client"), ([b"CLIENT", b"ID", b"x"], b"client|id")):
            self.assertEqual(b"ERR wrong number of arguments for '%b' command" % name, self.refusal(*argv))
        self.assertEqual(1, self.server.table.commands[b"get"].calls.rejected)
        self.assertEqual(1, self.server.table.commands[b"client"].subcommands[b"id"].calls.rejected)

    def test_servers_count_apart(self) -> None:
        """Two servers in one process share no count."""
        self.run_command("GET", "a")
        self.assertEqual(1, self.server.table.commands[b"get"].calls.count)
        self.assertEqual(0, Server().table.commands[b"get"].calls.count)

    def test_native_counts_with_redis(self) -> None:
        """The native protocol's two commands count as GET and SET."""
        native = self.server.table.native_dispatch
        self.assertIs(self.server.table.commands[b"get"].calls, native[b"GET"].calls)
        self.assertIs(self.server.table.commands[b"set"].calls, native[b"SET"].calls)


class HTTPTests(SessionTests):
    """Browsers that were led here."""

    def test_told_once_a_minute(self) -> None:
        """Such a client is closed, and the log says so, but not for each."""
        told: list[str] = []
        self.server.log = lambda level, text: told.append(f"{level} {text}")
        for seconds in (0, 59, 1):
            self.pass_time(seconds)
            session = self.connect()
            self.assertEqual(b"", self.send("POST", "/", session=session))
            self.assertTrue(session.closing)
        self.assertEqual(["3 127.0.0.1:50000 sent POST or Host: and was closed"] * 2, [text[:51] for text in told])


class ConfiguredTests(SessionTests):
    """What the configuration reaches."""

    def test_taken_over(self) -> None:
        """A change is in force once the server is told."""
        values = {"proto-max-bulk-len": "1mb", "client-query-buffer-limit": "2mb", "slowlog-log-slower-than": "70",
                  "latency-monitor-threshold": "5"}  # fmt: skip
        for name, text in values.items():
            self.server.config.set(name, text)
        self.server.apply_config()
        self.assertEqual((2**20, 2**21), (self.server.limits.bulk, self.server.limits.query_buffer))
        self.assertEqual((70_000, 5), (self.server.slowlog.threshold_ns, self.server.latency.threshold))

    def test_slow(self) -> None:
        """The lower of both thresholds tells what is slow, and one that is off does not count."""
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
        """There are as many databases as the configuration says."""
        self.assertEqual(3, len(Server(Config(databases="3")).keyspace.databases))


class CronTests(SessionTests):
    """What is done every now and then."""

    config = {"timeout": "10"}

    def fill(self, count: int) -> None:
        """Set keys that expire in a second."""
        for number in range(count):
            self.run_command("SET", f"key:{number}", "x", "PX", 1000)

    def test_expired_keys_go(self) -> None:
        """Keys that nobody asks for again are removed once their time is over."""
        self.fill(3 * SWEEP_BATCH)
        self.server.cron.run()
        self.assertEqual(3 * SWEEP_BATCH, len(self.session.db))
        self.pass_time(3)
        self.server.cron.run()
        self.assertEqual(0, len(self.session.db))
        self.assertEqual(3 * SWEEP_BATCH, self.server.keyspace.expired)

    def test_sweep_is_bounded(self) -> None:
        """One turn removes keys for a bounded time, and the next goes on."""
        self.fill(3 * SWEEP_BATCH)
        self.pass_time(3)
        times = iter(range(0, 100 * SWEEP_BUDGET_NS, SWEEP_BUDGET_NS))
        self.server.timer = lambda: next(times)
        self.server.cron.run()
        self.assertEqual(2 * SWEEP_BATCH, len(self.session.db))
        self.server.cron.run()
        self.assertEqual(SWEEP_BATCH, len(self.session.db))

    def test_sweep_can_be_off(self) -> None:
        """DEBUG SET-ACTIVE-EXPIRE can keep expired keys until someone asks for them."""
        self.fill(1)
        self.server.cron.active_expire = False
        self.pass_time(3)
        self.server.cron.run()
        self.assertEqual(1, len(self.session.db))

    def test_idle_clients_go(self) -> None:
        """Who is silent for longer than the timeout is closed; who spoke in between is not."""
        other = self.connect()
        self.pass_time(9.5)
        self.server.cron.run()
        self.assertFalse(self.session.connection.closed)
        self.run_command("PING", session=other)
        self.pass_time(1.5)
        self.server.cron.run()
        self.assertEqual((True, False), (self.session.connection.closed, other.connection.closed))

    def test_no_timeout(self) -> None:
        """Without a timeout nobody is closed."""
        self.server.config.set("timeout", "0")
        self.pass_time(10**6)
        self.server.cron.run()
        self.assertFalse(self.session.connection.closed)

    def test_no_part_stops_another(self) -> None:
        """Where one part of cron fails, those after it run; the log hears of the failure once, and of its end once."""
        lines: list[str] = []
        self.server.log = lambda level, text: lines.append(text)

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
        self.assertEqual("Saving works again", lines[1])

    def test_output_is_looked_at_each_second(self) -> None:
        """The soft limit on a client's output is held without traffic; the log names who was closed for it."""
        lines: list[str] = []
        self.server.log = lambda level, text: lines.append(text)
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

    def test_memory_is_given_back(self) -> None:
        """When nobody is behind any more, and somebody was sent much, the memory that took is given back, once."""
        given: list[str] = []
        self.patch(cron, "release_memory", lambda: given.append("back"))
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
        """Who has taken it by the next second is looked at no more, and stays."""
        self.server.config.set("timeout", "0")
        self.server.config.set("client-output-buffer-limit", "normal 0 100 5")
        self.server.outputs.check(self.session, 200)
        for _ in range(10):
            self.pass_time(2)
            self.server.cron.run()
        self.assertFalse(self.session.connection.closed)

    def test_time_passes(self) -> None:
        """The keyspace's time is the clock's."""
        self.pass_time(5)
        self.server.cron.run()
        self.assertEqual((START + 5) * 1000, self.server.keyspace.now)


class SlowTests(SynchronousTestCase):
    """What takes long."""

    def setUp(self) -> None:
        self.step = 0
        self.ticks = 0
        self.server = Server(Config(latency_monitor_threshold="5"), lambda: float(START), self.timer)
        session = self.server.connect(MemoryConnection())
        assert session is not None
        self.session = session

    def timer(self) -> int:
        """A timer on which every call takes as long as the test says."""
        self.ticks += self.step
        return self.ticks

    def test_noted(self) -> None:
        """A slow command stands in the slow log and in the latency monitor, under the kind of command that it is."""
        self.step = 20 * MS
        self.session.receive(encode("GET", "a") + encode("DEL", "a", "b"))
        self.assertEqual([[b"DEL", b"a", b"b"], [b"GET", b"a"]], [entry.argv for entry in self.server.slowlog.entries])
        events = {name: list(event.samples) for name, event in self.server.latency.events.items()}
        self.assertEqual({"fast-command": [(START, 20)], "command": [(START, 20)]}, events)

    def test_not_noted(self) -> None:
        """A command that is quick enough for both stands in neither, and one for one of them in the other."""
        self.step = 4 * MS
        self.session.receive(encode("GET", "a"))
        self.assertEqual((0, {}), (len(self.server.slowlog.entries), self.server.latency.events))
        self.step = 9 * MS
        self.session.receive(encode("GET", "a"))
        self.assertEqual((0, ["fast-command"]), (len(self.server.slowlog.entries), list(self.server.latency.events)))


class Script:
    """Something that runs for long: it breathes once, and then ends. A stand-in for a command's function."""

    error = "BUSY a script runs"

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.killed = False
        self._meanwhile = meanwhile

    def kill(self) -> None:
        """Remember it."""
        self.killed = True

    def run(self, session: Session, argv: list[bytes]) -> bytes:
        """Run as the command that was called, and let others be served in the middle."""
        server = session.server
        server.serve_others = self._meanwhile
        server.yield_to_clients(self)  # type: ignore[arg-type] # has what a running script has
        server.end_busy()
        return b"done"


class BusyTests(SessionTests):
    """While something runs for long the others are answered, but nothing else happens."""

    def setUp(self) -> None:
        super().setUp()
        self.other = self.connect()
        self.heard: list[Any] = []

    def run_long(self, meanwhile: Callable[[], None]) -> list[Any]:
        """Run a script in place of PING; return what its client is answered."""
        self.script = Script(meanwhile)
        self.server.table.commands[b"ping"].run = self.script.run
        return decode(self.send("PING"))

    def test_others(self) -> None:
        """Others are refused with an error, but for a few commands."""

        def meanwhile() -> None:
            for argv in (["GET", "k"], ["SHUTDOWN"], ["MULTI"]):
                self.heard += decode(self.send(*argv, session=self.other))

        self.assertEqual([b"done"], self.run_long(meanwhile))
        self.assertEqual([Error(Script.error), Error(Script.error), "OK"], self.heard)
        self.assertReply(None, "GET", "k")
        self.assertIn(b"GET", self.server.table.dispatch)

    def test_its_own_client(self) -> None:
        """What its own client says in the meantime is answered after it."""
        self.assertEqual([b"done", b"x"], self.run_long(lambda: self.heard.append(self.send("ECHO", "x"))))
        self.assertEqual([b""], self.heard)

    def test_time_stands_still(self) -> None:
        """For what runs no time passes, and nothing expires until its end."""
        now = self.server.keyspace.now
        self.run_command("SET", "k", "1", "PX", 10)

        def meanwhile() -> None:
            self.pass_time(5)
            self.send("PING", session=self.other)
            self.server.cron.run()
            self.server.fire()
            self.heard.append((self.server.keyspace.expired, len(self.session.db)))

        self.run_long(meanwhile)
        self.assertEqual([(0, 1)], self.heard)
        self.assertEqual(now + 5000, self.server.keyspace.now)
        self.server.cron.run()
        self.assertEqual(1, self.server.keyspace.expired)

    def test_waiting_goes_on(self) -> None:
        """Nobody who waits is served before the end, however long that is."""
        waiter = self.connect()
        self.send("BLPOP", "list", 1, session=waiter)

        def meanwhile() -> None:
            self.pass_time(5)
            self.session.db.set(b"list", RedisList([b"x"]), b"lpush")
            self.send("PING", session=self.other)
            self.server.fire()
            self.heard += self.sent(waiter)

        self.run_long(meanwhile)
        self.assertEqual([], self.heard)
        self.assertEqual([[b"list", b"x"]], self.sent(waiter))

    def test_end_of_the_server(self) -> None:
        """What runs is not waited for when the server is to end."""
        self.server.shut_down = lambda: self.heard.append("shut down")
        self.run_long(lambda: self.heard.append(self.send("SHUTDOWN", "NOSAVE", session=self.other)))
        self.assertEqual(["shut down", b""], self.heard)
        self.assertTrue(self.script.killed)

    def test_stop_once(self) -> None:
        """However often it is asked for, the end comes once."""
        self.server.shut_down = lambda: self.heard.append("shut down")
        self.server.stop()
        self.server.stop()
        self.assertEqual(["shut down"], self.heard)
