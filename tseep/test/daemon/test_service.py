"""Tests for L{tseep.daemon.service}: start, cron and shutdown."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tseep.configuration.parameters import Config
from tseep.daemon.host import ReactorHost
from tseep.daemon.service import TseepService
from tseep.interfaces import IMode
from tseep.net.heartbeat import INTERVAL_S
from tseep.net.ports import CannotStart
from tseep.persistence.aof_loader import CannotLoad
from tseep.server.server import Server
from tseep.test.support import log_events, made_folder


@implementer(IMode)
class FakeMode:
    """A mode that records its calls in C{events} and listens on a reactor in memory."""

    name = "fake"
    details = "all of it"

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self.server = server
        self.events: list[Any] = []
        self.stopped: Deferred[None] = Deferred()

    def start(self) -> None:
        self.events.append("start")
        self.server.host.attach(self)

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        return serverFromString(self._reactor, endpoint).listen(Factory())

    def close_port(self, port: Any) -> None:
        self.events.append(("close", port))

    def call(self, function: Any) -> None:
        self.events.append(function.__name__)
        function()

    def serve_clients(self, seconds: float = 0) -> None:
        self.events.append("serve clients")

    def set_keepalive(self, seconds: int) -> None:
        self.events.append(("keepalive", seconds))

    def wake(self, when: int) -> None:
        self.events.append(("wake", when))

    async def stop(self, grace: float) -> None:
        self.events.append("stop")
        await self.stopped


class ServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.server = Server(Config(dir=made_folder(self)), host=ReactorHost(self.reactor))
        self.mode = FakeMode(self.reactor, self.server)

    def service(self, *endpoints: str) -> TseepService:
        """Return a service that listens on these endpoints."""
        return TseepService(self.reactor, self.server, self.mode, endpoints)

    def started(self) -> TseepService:
        service = self.service("tcp:6379:interface=127.0.0.1", "unix:/run/tseep")
        service.privilegedStartService()
        service.startService()
        return service

    def test_interface(self) -> None:
        """L{TseepService} provides L{IService}, and L{FakeMode} provides L{IMode}."""
        verifyObject(IService, self.service())
        verifyObject(IMode, self.mode)

    def test_listens(self) -> None:
        """The service starts the mode, then listens on every endpoint."""
        self.started()
        self.assertEqual(self.mode.events, ["start"])
        self.assertEqual([port for port, *_ in self.reactor.tcpServers], [6379])
        self.assertEqual([path for path, *_ in self.reactor.unixServers], ["/run/tseep"])

    def test_one_line(self) -> None:
        """When the server is ready, one log line has mode, addresses, Python version, reactor and maxclients."""
        events = log_events(self)
        self.started()
        self.assertEqual([event for event in events if "is ready" in event.get("log_format", "")], [])
        self.reactor.run()
        (ready,) = [event for event in events if "is ready" in event.get("log_format", "")]
        line = ready["log_format"].format(**ready)
        for part in ("fake", "all of it", "6379", "/run/tseep", ready["python_version"], "MemoryReactorClock", "10000"):
            self.assertIn(part, line)

    def load(self, *pieces: Exception | None) -> list[str]:
        """Start a service whose data are in pieces, each of which raises an exception or not; return its log."""

        def start() -> Iterator[None]:
            for piece in pieces:
                yield
                if piece is not None:
                    raise piece

        lines: list[str] = []
        self.patch(self.server.persistence, "start", start)
        self.patch(self.server.host, "log", lambda level, text: lines.append(text))
        self.loading = self.started()
        return lines

    def test_loads_in_pieces(self) -> None:
        """The first piece is loaded at the start, and each other one by the running reactor, in a call of its own."""
        self.load(None, None)
        self.assertNoResult(self.loading.loaded)
        self.reactor.advance(0)
        self.assertIsNone(self.successResultOf(self.loading.loaded))
        self.assertEqual(["start", "_load_piece", "_load_piece"], self.mode.events)

    def test_damaged_piece(self) -> None:
        """A piece that cannot be loaded is logged, and fails C{loaded}."""
        lines = self.load(CannotLoad("corrupt"))
        self.reactor.advance(0)
        self.assertEqual("tseep: corrupt", str(self.failureResultOf(self.loading.loaded, CannotStart).value))
        self.assertEqual(["tseep: corrupt"], lines)

    def test_shutdown_while_loading(self) -> None:
        """A shutdown ends the load between two pieces, or within one that is interrupted; C{loaded} does not fire."""
        for piece in (None, CannotLoad("interrupted")):
            self.setUp()
            lines = self.load(piece, None)
            self.server.stopping = True
            self.reactor.advance(0)
            self.loading.stopService()
            self.assertNoResult(self.loading.loaded)
            self.assertEqual([], lines)
            self.assertEqual([], self.reactor.getDelayedCalls())

    def test_no_persistence(self) -> None:
        """Without snapshots and AOF a log line reports that persistence is off."""
        events = log_events(self)
        for save, said in (("900 1", 0), ("", 1)):
            self.setUp()
            self.server.config.set("save", save)
            self.started()
            lines = [event for event in events if "Persistence is off" in event.get("log_format", "")]
            self.assertEqual(said, len(lines))

    def test_note(self) -> None:
        """A script's log message keeps its level and is one line with control characters escaped."""
        events = log_events(self)
        self.started()
        self.server.host.log(3, "{careful}")
        self.server.host.log(2, "one\r\n2026 [tseep] another\x1b[2J\x9b1m\u2028\0é")
        noted = [(event["log_level"].name, event["text"]) for event in events if "text" in event]
        escaped = r"one\r\n2026 [tseep] another\x1b[2J\x9b1m\u2028\x00é"
        self.assertEqual([("warn", "{careful}"), ("info", escaped)], noted)

    def test_server_attributes(self) -> None:
        """The service sets the server's C{mode} and C{addresses}, which INFO shows."""
        self.started()
        self.assertEqual(self.server.mode, "fake")
        self.assertEqual(len(self.server.addresses), 2)

    def test_cron(self) -> None:
        """The mode runs the server's cron ten times a second, from start to stop."""
        service = self.started()
        self.reactor.advance(INTERVAL_S)
        self.reactor.advance(INTERVAL_S)
        service.stopService()
        self.reactor.advance(INTERVAL_S)
        self.assertEqual(self.mode.events, ["start", "run", "run", "commit", "stop"])
        self.mode.stopped.callback(None)
        self.assertEqual(self.mode.events[5:], ["stop"])

    def test_stop(self) -> None:
        """C{stopService} fires once the mode has stopped."""
        stopping = self.started().stopService()
        self.assertNoResult(stopping)
        self.mode.stopped.callback(None)
        self.successResultOf(stopping)

    def test_accepts_before_it_stops(self) -> None:
        """Before it stops, the service accepts the pending connections of each port until no more arrive."""
        service = self.started()
        waiting = [2, 1, 0]

        def accept() -> None:
            self.server.stats.connections_received += waiting.pop(0)

        service._ports[0].doRead = accept
        service.stopService()
        self.assertEqual(waiting, [])

    def refusal(self, error: Exception, endpoint: str = "tcp:6379") -> str:
        """Return the text of L{CannotStart} when listening raises C{error}."""

        def fail(*args: Any, **kwargs: Any) -> None:
            raise error

        self.patch(self.reactor, "listenTCP", fail)
        self.patch(self.reactor, "listenUNIX", fail)
        with self.assertRaises(CannotStart) as caught:
            self.service(endpoint).privilegedStartService()
        return str(caught.exception)

    def test_busy(self) -> None:
        """A port in use is refused in one line with a remedy."""
        line = self.refusal(CannotListenError("", 6379, OSError(errno.EADDRINUSE, "Address already in use")))
        self.assertEqual(
            line,
            "tseep: cannot listen on tcp:6379: the address is in use; stop the process that uses it, or choose "
            "another with --listen",
        )

    def test_no_rights(self) -> None:
        """Missing permission for a port or a path is refused with a remedy."""
        line = self.refusal(CannotListenError("", 6379, OSError(errno.EACCES, "Permission denied")))
        self.assertIn("a port under 1024 needs root's rights", line)
        line = self.refusal(OSError(errno.EACCES, "Permission denied"), "unix:/run/a")
        self.assertIn("permission denied; choose another directory with --listen", line)

    def test_other_errors(self) -> None:
        """Any other error is refused with the system's reason."""
        line = self.refusal(CannotListenError("", 6379, OSError(errno.EADDRNOTAVAIL, "Cannot assign")))
        self.assertIn("Cannot assign", line)
        self.assertIn("wrong", self.refusal(ValueError("wrong")))
        missing = FileNotFoundError(errno.ENOENT, "No such")
        self.assertIn("no such directory; create it", self.refusal(missing, "unix:/a/b"))
