"""Tests for L{tseep.testing.in_process}, over sockets; tests/project/test_testing.py covers the pytest plugin."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from pytest_tseep.shared import Change
from tseep.test.packages import skip_without
from tseep.test.support import Error, decode, encode
from tseep.testing import InProcess

ENDLESS = "while true do end"


class Client(Protocol):
    """
    A client that sends one command at a time.

    @ivar lost: fires when the connection is closed.
    """

    def __init__(self) -> None:
        self._waiting: list[Deferred[bytes]] = []
        self._lost = False
        self.lost: Deferred[None] = Deferred()

    def send(self, *argv: Any) -> Deferred[Any]:
        """Send a command; return its reply, or None if the connection is closed before."""
        answer: Deferred[Any] = Deferred()
        self._waiting.append(answer)
        assert self.transport is not None
        self.transport.write(encode(*argv))
        return answer.addCallback(lambda data: decode(data)[0] if data else None)

    def dataReceived(self, data: bytes) -> None:
        """Fire the pending reply; short replies arrive in one piece. Messages, as MONITOR's, are discarded."""
        if self._waiting:
            self._waiting.pop(0).callback(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)
        for answer in self._waiting:
            answer.callback(b"")


async def wait_until(condition: Any) -> None:
    """Let the reactor run until a condition is true; the test's timeout limits that."""
    while not condition():
        await deferLater(reactor, 0.005)


class InProcessTests(TestCase):
    """A server in v2 on the tests' reactor, which must be clean afterwards."""

    mode = "v2"
    timeout = 60

    def setUp(self) -> None:
        self.server = self.start(enable_debug_command=True)

    def start(self, **parameters: Any) -> InProcess:
        """Start a server, which is stopped at the end of the test."""
        server = InProcess(mode=self.mode, **parameters)
        self.addCleanup(server.stop)
        return server

    async def connect(self, server: InProcess | None = None) -> Client:
        server = server or self.server
        endpoint = clientFromString(reactor, f"tcp:{server.host}:{server.port}")
        return await connectProtocol(endpoint, Client())

    async def test_address(self) -> None:
        """The server has the port that CONFIG shows, and its URL the password, quoted."""
        self.assertEqual(f"redis://127.0.0.1:{self.server.port}/0", self.server.url)
        client = await self.connect()
        self.assertEqual([b"port", b"%d" % self.server.port], await client.send("CONFIG", "GET", "port"))
        other = self.start(requirepass="a b@/", maxclients=10, appendonly=False)
        self.assertEqual(f"redis://:a%20b%40%2F@127.0.0.1:{other.port}/0", other.url)

    async def test_port(self) -> None:
        """The port can be chosen, unless it is in use."""
        with self.assertRaises(OSError):
            InProcess(mode=self.mode, port=self.server.port)
        await self.server.stop()
        self.assertEqual(self.server.port, self.start(port=self.server.port).port)

    async def test_stop(self) -> None:
        """It leaves no reader or delayed call, whatever clients and faults do; a second call has no effect."""
        blocked, waiting = await self.connect(), await self.connect()
        blocked.send("BLPOP", "nothing", 100)
        await wait_until(lambda: self.blocked(1))
        self.server.delay("PING", 100)
        waiting.send("PING")
        await wait_until(lambda: self.server._server.faults.waiting)
        self.server.loading(100)
        self.server.refuse()
        fault = self.server.fail("GET", "OOM no")
        await self.server.stop()
        await self.server.stop()
        fault.undo()
        for call in (self.server.flush, self.server.refuse, self.server.snapshot, lambda: self.server.advance(1)):
            error = self.assertRaises(RuntimeError, call)
            self.assertEqual("the server is stopped", str(error))

    async def test_context_manager(self) -> None:
        async with InProcess(mode=self.mode) as server:
            client = await self.connect(server)
            self.assertEqual("PONG", await client.send("PING"))
        self.assertTrue(server.stopped)

    async def test_shutdown(self) -> None:
        """SHUTDOWN stops this server alone."""
        other = self.start()
        client = await self.connect()
        self.assertIs(None, await client.send("SHUTDOWN", "NOSAVE"))
        await self.server.wait_stopped()
        self.assertTrue(self.server.stopped)
        self.assertEqual("PONG", await (await self.connect(other)).send("PING"))

    async def test_pids(self) -> None:
        self.assertEqual([os.getpid()], self.server.pids())

    # Isolation

    async def harm(self, client: Client) -> None:
        """Change everything that a test can."""
        await client.send("AUTH", "nobody", "x")  # for ACL LOG
        for command in (
            "SET k v", "CONFIG SET maxclients 77", "CONFIG SET slowlog-log-slower-than 0", "ACL SETUSER other on",
            "CONFIG SET latency-monitor-threshold 1", "DEBUG SLEEP 0.005", "DEBUG SET-ACTIVE-EXPIRE 0",
            "DEBUG PAUSE-CRON 1", "SELECT 3", "SET k v", "CLIENT SETNAME x", "HELLO 3",
            "CLIENT TRACKING on", "MONITOR",
        ):  # fmt: skip
            self.assertFalse(isinstance(await client.send(*command.split()), Error), command)
        other = await self.connect()
        for command in ("WATCH k", "MULTI", "SET k w"):
            await other.send(*command.split())
        self.server.fail("PING", "OOM no")
        self.server.delay("ECHO", 100)
        self.server.freeze(1.0)
        self.server.record_start()
        self.server.loading()

    async def assertClean(self, client: Client) -> None:
        """Assert that nothing of L{harm} is left."""
        (info,) = (await client.send("INFO", "everything"),)
        fields = dict(line.split(":", 1) for line in info.decode().split("\r\n") if ":" in line)
        self.assertEqual("0", fields["loading"])
        self.assertEqual(("0", "1"), (fields["blocked_clients"], fields["connected_clients"]))
        self.assertEqual(("0", "0"), (fields["total_commands_processed"], fields["total_error_replies"]))
        self.assertNotIn("db0", fields)
        self.assertNotIn("db3", fields)
        self.assertEqual("PONG", await client.send("PING"))
        self.assertEqual(b"x", await client.send("ECHO", "x"))
        self.assertEqual([b"maxclients", b"10000"], await client.send("CONFIG", "GET", "maxclients"))
        slow = [entry[3][0] for entry in await client.send("SLOWLOG", "GET", -1)]
        self.assertNotIn(b"DEBUG", slow)  # on a busy machine INFO can be slow
        self.assertEqual([], await client.send("LATENCY", "LATEST"))
        self.assertEqual([], await client.send("ACL", "LOG"))
        self.assertEqual([b"default"], await client.send("ACL", "USERS"))
        self.assertGreater(int((await client.send("TIME"))[0]), 1_700_000_000)
        self.assertEqual(["INFO", "everything"], self.server.last_commands()[0].argv)
        cron = self.server._server.cron
        self.assertEqual((True, False), (cron.active_expire, cron.paused))

    async def test_flush(self) -> None:
        """Everything is as at the start, and connections are closed."""
        client = await self.connect()
        await self.harm(client)
        self.server.flush()
        await client.lost
        await self.assertClean(await self.connect())
        self.assertRaises(ValueError, self.server.record_stop, 1)

    async def test_flush_with_connections(self) -> None:
        """Connections can stay open, with their database; what other clients see of them ends."""
        client = await self.connect()
        await client.send("SELECT", 2)
        blocked, subscriber, watcher, monitor = [await self.connect() for _ in range(4)]
        popped = blocked.send("BLPOP", "q", 0)
        await subscriber.send("SUBSCRIBE", "c")
        await watcher.send("WATCH", "k")
        await watcher.send("MULTI")
        await monitor.send("MONITOR")
        await wait_until(lambda: self.blocked(1))
        self.server.flush(keep_connections=True)
        self.assertIs(None, await popped)
        self.assertEqual(1, await client.send("RPUSH", "q", "x"))
        self.assertEqual(0, await client.send("PUBLISH", "c", "x"))
        self.assertEqual("PONG", await subscriber.send("PING"))
        self.assertIs(None, await monitor.send("GET", "k"))
        self.assertEqual(Error("ERR EXEC without MULTI"), await watcher.send("EXEC"))
        self.assertIn(b"db=2", await client.send("CLIENT", "INFO"))
        for each in (blocked, subscriber, watcher, monitor):
            each.transport.loseConnection()

    def blocked(self, count: int) -> bool:
        """Return whether so many commands have been recorded that block."""
        return sum(each.argv[0] == "BLPOP" for each in self.server.last_commands()) >= count

    async def test_blocked_client(self) -> None:
        """A client that blocks does not get an element of the next test."""
        client = await self.connect()
        client.send("BLPOP", "q", 0)
        await wait_until(lambda: self.blocked(1))
        self.server.flush()
        await client.lost
        other = await self.connect()
        self.assertEqual(1, await other.send("RPUSH", "q", "x"))
        self.assertEqual(1, await other.send("LLEN", "q"))

    async def test_flush_of_backlog(self) -> None:
        """A connection that is not accepted yet belongs to the test before, too."""
        with socket.create_connection((self.server.host, self.server.port)) as client:
            client.sendall(encode("SET", "k", "v"))
            self.server.flush()
            try:
                while await deferToThread(client.recv, 100):
                    pass  # the reply, if v1's thread was earlier than the flush
            except ConnectionResetError:
                pass  # closed with unread data
        self.assertEqual([], self.server.last_commands())

    async def test_flush_of_held_commands(self) -> None:
        """A command that a fault or CLIENT PAUSE holds is not executed after the flush."""
        client, other = await self.connect(), await self.connect()
        for pause in (False, True):
            if pause:
                await other.send("CLIENT", "PAUSE", 100_000, "WRITE")
            else:
                self.server.delay("SET", 100)
            reply = client.send("SET", "k", "v")
            await wait_until(lambda: any(session.blocked for session in self.server._server.sessions.values()))
            self.server.flush(keep_connections=True)
            self.assertEqual(Error("UNBLOCKED client unblocked via CLIENT UNBLOCK"), await reply)
            self.assertIs(None, await client.send("GET", "k"))

    async def test_flush_of_pause(self) -> None:
        """CLIENT PAUSE ends."""
        client = await self.connect()
        await client.send("CLIENT", "PAUSE", 100_000)
        self.server.flush(keep_connections=True)
        self.assertEqual("PONG", await client.send("PING"))

    async def test_flush_of_port(self) -> None:
        """The server listens on its port again, and on no other."""
        client = await self.connect()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.assertEqual("OK", await client.send("CONFIG", "SET", "port", port))
        self.server.flush()
        self.assertEqual("PONG", await (await self.connect()).send("PING"))
        endpoint = clientFromString(reactor, f"tcp:127.0.0.1:{port}")
        await self.assertFailure(connectProtocol(endpoint, Client()), ConnectionRefusedError)

    # Faults

    async def test_fail(self) -> None:
        """An error, as a context manager and with a number of times."""
        client = await self.connect()
        with self.server.fail("GET", error="READONLY You can't write.", times=2):
            self.assertEqual(Error("READONLY You can't write."), await client.send("GET", "k"))
        self.assertIs(None, await client.send("GET", "k"))

    async def test_drop(self) -> None:
        """The connection is closed without a reply; the next one is served."""
        client = await self.connect()
        with self.server.drop(after=1):
            self.assertEqual("PONG", await client.send("PING"))
            self.assertIs(None, await client.send("PING"))
            await client.lost
            self.assertEqual("PONG", await (await self.connect()).send("PING"))

    async def test_delay(self) -> None:
        """Another client is served meanwhile; the end of the fault ends the wait."""
        client, other = await self.connect(), await self.connect()
        with self.server.delay("GET", seconds=100):
            reply = client.send("GET", "k")
            self.assertEqual("OK", await other.send("SET", "k", "v"))
            self.assertNoResult(reply)
        self.assertEqual(b"v", await reply)
        with self.server.delay("GET", seconds=0.01):
            self.assertEqual(b"v", await client.send("GET", "k"))

    async def test_refuse(self) -> None:
        """New connections are refused; open ones are not closed."""
        client = await self.connect()
        with self.server.refuse(), self.server.refuse():
            await self.assertFailure(self.connecting(), ConnectionRefusedError)
            self.assertEqual("PONG", await client.send("PING"))
        self.assertEqual("PONG", await (await self.connect()).send("PING"))
        self.server.refuse()
        self.server.flush()
        self.assertEqual("PONG", await (await self.connect()).send("PING"))

    def connecting(self) -> Deferred[Client]:
        return Deferred.fromCoroutine(self.connect())

    async def test_loading(self) -> None:
        client = await self.connect()
        with self.server.loading():
            self.assertIn("LOADING", await client.send("GET", "k"))
        self.assertIs(None, await client.send("GET", "k"))

    def test_misuse(self) -> None:
        """Wrong arguments are refused with the nearest right name, and change nothing."""
        server: Any = self.server
        wrong: list[tuple[type[Exception], str, Any]] = [
            (ValueError, "did you mean 'GET'", lambda: server.fail("GETT", error="OOM no")),
            (ValueError, "error is ''", lambda: server.fail("GET", error="")),
            (ValueError, "times is 0", lambda: server.fail("GET", error="OOM no", times=0)),
            (TypeError, "times must be an integer", lambda: server.fail("GET", error="OOM no", times=1.5)),
            (ValueError, "seconds is -1", lambda: server.delay("GET", -1)),
            (ValueError, "did you mean 'BLPOP'", lambda: server.delay("BLPOPP", 1)),
            (ValueError, "after is -1", lambda: server.drop(after=-1)),
            (TypeError, "after must be", lambda: server.drop(after=None)),
            (ValueError, "seconds is 0", lambda: server.loading(0)),
            (ValueError, "seconds is -1", lambda: server.advance(-1)),
            (TypeError, "must be a number", lambda: server.set_time("today")),
            (ValueError, "the time is -1", lambda: server.freeze(-1)),
            (ValueError, "no record 9", lambda: server.record_stop(9)),
            (ValueError, "count is -1", lambda: server.last_commands(-1)),
            (TypeError, "number must be", lambda: server.undo(None)),
            (ValueError, "", lambda: server.restore(b"???")),
            (TypeError, "did you mean 'requirepass'", lambda: InProcess(mode=self.mode, requirpass="x")),
            (ValueError, "one of v1, v2, v3", lambda: InProcess("V2")),
            (ValueError, "timeout cannot be 'soon': ", lambda: InProcess(mode=self.mode, timeout="soon")),
            (ValueError, "", lambda: InProcess(mode=self.mode, port=70_000)),
        ]
        for kind, text, call in wrong:
            error = self.assertRaises(kind, call)
            self.assertIn(text, str(error))
        self.assertIsInstance(server.fail("GET", error="OOM no"), Change)

    # Time

    async def test_advance(self) -> None:
        """Keys expire, idle times grow, and blocked clients are answered, with the clock."""
        client, blocked, idle = [await self.connect() for _ in range(3)]
        await idle.send("CLIENT", "SETNAME", "idle")
        await client.send("SET", "k", "v", "EX", 300)
        await client.send("SET", "idle", "v")
        before = int((await client.send("TIME"))[0])
        popped = blocked.send("BLPOP", "q", 50)
        await wait_until(lambda: self.blocked(1))
        self.server.advance(301)
        self.assertIs(None, await popped)
        self.assertIs(None, await client.send("GET", "k"))
        self.assertGreaterEqual(await client.send("OBJECT", "IDLETIME", "idle"), 300)
        self.assertGreaterEqual(int((await client.send("TIME"))[0]) - before, 301)
        clients = (await client.send("CLIENT", "LIST")).decode()
        (age, seconds) = re.findall(r"name=idle age=(\d+) idle=(\d+) ", clients)[0]
        self.assertGreaterEqual(min(int(age), int(seconds)), 301)

    async def test_idle_clients(self) -> None:
        """Clients are closed that are idle for longer than the parameter timeout."""
        client = await self.connect()
        await client.send("CONFIG", "SET", "timeout", 300)
        self.server.advance(301)
        await client.lost

    async def test_freeze(self) -> None:
        """The time stands still, and IDs of streams with it; it runs on after the block."""
        client = await self.connect()
        with self.server.freeze(1_800_000_000.5):
            self.assertEqual([b"1800000000", b"500000"], await client.send("TIME"))
            for number in range(2):
                reply = await client.send("XADD", "s", "*", "a", "b")
                self.assertEqual(b"1800000000500-%d" % number, reply)
            self.server.set_time(1_900_000_000)
            self.assertEqual([b"1900000000", b"0"], await client.send("TIME"))
        first = await client.send("TIME")
        self.assertGreaterEqual(int(first[0]), 1_900_000_000)
        await wait_until(lambda: self.server._server.clock() > 1_900_000_000.02)

    async def test_timeout_while_frozen(self) -> None:
        """A blocking command does not time out until the clock is moved, and does once it runs on."""
        client = await self.connect()
        self.server.freeze()
        popped = client.send("BLPOP", "q", 0.01)
        await wait_until(lambda: self.blocked(1))
        await deferLater(reactor, 0.03)
        self.assertNoResult(popped)
        self.server.unfreeze()
        self.assertIs(None, await popped)

    # Records and seeds

    async def test_record(self) -> None:
        """The list has the commands of the block."""
        client = await self.connect()
        await client.send("PING")
        with self.server.record() as commands:
            await client.send("SET", "k", "v")
            self.assertEqual([], commands)
        self.assertEqual([["SET", "k", "v"]], [each.argv for each in commands])
        self.assertEqual(["PING", "SET"], [each.argv[0] for each in self.server.last_commands(2)])

    async def test_snapshot(self) -> None:
        """All databases are restored; a blocked client gets its element."""
        client, blocked = await self.connect(), await self.connect()
        self.server.freeze()
        await client.send("RPUSH", "q", "a")
        await client.send("SELECT", 2)
        await client.send("SET", "k", "v", "EX", 1000)
        snapshot = self.server.snapshot()
        self.assertEqual(b"REDIS", snapshot[:5])
        await client.send("FLUSHALL")
        await client.send("SET", "other", "v")
        popped = blocked.send("BLPOP", "q", 0)
        await wait_until(lambda: self.blocked(1))
        self.server.restore(snapshot)
        self.assertEqual([b"q", b"a"], await popped)
        self.assertEqual([b"k"], await client.send("KEYS", "*"))
        self.assertEqual(1000, await client.send("TTL", "k"))

    async def test_load(self) -> None:
        """A file replaces everything; a damaged one leaves nothing, a missing one all."""
        client = await self.connect()
        await client.send("SET", "k", "v")
        data = self.server.snapshot()
        for name, content in (("good", data), ("damaged", data[:-9] + b"x" * 9)):
            with open(f"{name}.rdb", "wb") as file:
                file.write(content)
        await client.send("SET", "other", "v")
        self.assertRaises(FileNotFoundError, self.server.load, "missing.rdb")
        self.assertEqual(2, await client.send("DBSIZE"))
        self.server.load("good.rdb")
        self.assertEqual([b"k"], await client.send("KEYS", "*"))
        self.assertRaises(ValueError, self.server.load, "damaged.rdb")
        self.assertEqual(0, await client.send("DBSIZE"))


class ThreadedTests(InProcessTests):
    """The same in v1."""

    mode = "v1"

    async def test_endless_scripts(self) -> None:
        """Flush kills scripts, those that have written, too, and those of clients that wait."""
        clients = [await self.connect() for _ in range(3)]
        for client in clients:
            client.send("EVAL", f"redis.call('SET', 'k', 'v'); {ENDLESS}", 0)
        scripting = self.server._server.scripting
        await wait_until(lambda: scripting.running is not None)
        self.server.flush()
        other = await self.connect()
        self.assertEqual(0, await other.send("DBSIZE"))

    test_endless_scripts.skip = skip_without("lupa")


class WorkersTests(TestCase):
    """v3, whose worker processes end with the server."""

    timeout = 60

    def test_stopped_before_the_reactor_runs(self) -> None:
        """A server that is stopped before the reactor runs starts no worker."""
        server = InProcess("v3")
        self.addCleanup(server.stop)

    async def test_workers(self) -> None:
        """Faults, the clock and flush apply to the clients of the workers."""
        server = InProcess("v3")
        self.addCleanup(server.stop)
        endpoint = clientFromString(reactor, f"tcp:{server.host}:{server.port}")
        client = await connectProtocol(endpoint, Client())
        self.assertEqual("OK", await client.send("SET", "k", "v", "EX", 300))
        self.assertEqual(3, len(server.pids()))
        with server.fail("GET", error="OOM no"):
            self.assertEqual(Error("OOM no"), await client.send("GET", "k"))
        popped = client.send("BLPOP", "q", 100)
        await wait_until(lambda: server.last_commands(1)[0].argv[0] == "BLPOP")
        server.advance(301)
        self.assertIs(None, await popped)
        self.assertIs(None, await client.send("GET", "k"))
        server.flush()
        await client.lost
        with server.drop():
            other = await connectProtocol(endpoint, Client())
            self.assertIs(None, await other.send("PING"))
