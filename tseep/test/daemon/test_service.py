"""Tests for L{tseep.daemon.service}."""

from __future__ import annotations

import errno
from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tseep.configuration.parameters import Config
from tseep.daemon.service import TseepService
from tseep.interfaces import IMode
from tseep.net.heartbeat import INTERVAL
from tseep.net.ports import CannotStart
from tseep.server.server import Server
from tseep.test.support import made_folder


@implementer(IMode)
class FakeMode:
    """A mode that notes what it is asked to do; it listens on a reactor in memory."""

    name = "fake"
    details = "all of it"

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self.server = server
        self.events: list[Any] = []
        self.stopped: Deferred[None] = Deferred()

    def start(self) -> None:
        self.events.append("start")

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        return serverFromString(self._reactor, endpoint).listen(Factory())

    def call(self, function: Any) -> None:
        self.events.append(function.__name__)
        function()

    async def stop(self, grace: float) -> None:
        self.events.append("stop")
        await self.stopped


class ServiceTests(SynchronousTestCase):
    """The service listens, keeps time and stops in order."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.server = Server(Config(dir=made_folder(self)))
        self.mode = FakeMode(self.reactor, self.server)

    def service(self, *endpoints: str) -> TseepService:
        """A service for these endpoints."""
        return TseepService(self.reactor, self.server, self.mode, endpoints)

    def started(self) -> TseepService:
        service = self.service("tcp:6379:interface=127.0.0.1", "unix:/run/tseep")
        service.privilegedStartService()
        service.startService()
        return service

    def test_interface(self) -> None:
        """It is a service, and the fake is a mode."""
        verifyObject(IService, self.service())
        verifyObject(IMode, self.mode)

    def test_listens(self) -> None:
        """It starts the mode, then listens on every endpoint."""
        self.started()
        self.assertEqual(self.mode.events, ["start"])
        self.assertEqual([port for port, *_ in self.reactor.tcpServers], [6379])
        self.assertEqual([path for path, *_ in self.reactor.unixServers], ["/run/tseep"])

    def test_one_line(self) -> None:
        """Once all runs, one line says mode, addresses, interpreter, reactor and how many clients there may be."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
        self.addCleanup(globalLogPublisher.removeObserver, events.append)  # type: ignore[arg-type]
        self.started()
        self.assertEqual([event for event in events if "is ready" in event.get("log_format", "")], [])
        self.reactor.run()
        (ready,) = [event for event in events if "is ready" in event.get("log_format", "")]
        line = ready["log_format"].format(**ready)
        for part in ("fake", "all of it", "6379", "/run/tseep", ready["python_version"], "MemoryReactorClock", "10000"):
            self.assertIn(part, line)

    def test_nothing_is_kept(self) -> None:
        """Where neither snapshots nor an append-only file are kept, a line says so."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
        self.addCleanup(globalLogPublisher.removeObserver, events.append)  # type: ignore[arg-type]
        for save, said in (("900 1", 0), ("", 1)):
            self.setUp()
            self.server.config.set("save", save)
            self.started()
            lines = [event for event in events if "Persistence is off" in event.get("log_format", "")]
            self.assertEqual(said, len(lines))

    def test_note(self) -> None:
        """What a script writes to the log comes at its level, and is one line, whatever it has in it."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
        self.addCleanup(globalLogPublisher.removeObserver, events.append)  # type: ignore[arg-type]
        self.started()
        self.server.log(3, "{careful}")
        self.server.log(2, "one\r\n2026 [tseep] another\x1b[2J\x9b1m\u2028\0é")
        noted = [(event["log_level"].name, event["text"]) for event in events if "text" in event]
        escaped = r"one\r\n2026 [tseep] another\x1b[2J\x9b1m\u2028\x00é"
        self.assertEqual([("warn", "{careful}"), ("info", escaped)], noted)

    def test_tells_the_server(self) -> None:
        """The server knows how it is run, for INFO."""
        self.started()
        self.assertEqual(self.server.mode, "fake")
        self.assertEqual(len(self.server.addresses), 2)

    def test_cron(self) -> None:
        """The mode does its regular work ten times a second, from start to stop."""
        service = self.started()
        self.reactor.advance(INTERVAL)
        self.reactor.advance(INTERVAL)
        service.stopService()
        self.reactor.advance(INTERVAL)
        self.assertEqual(self.mode.events, ["start", "run", "run", "commit", "stop"])
        self.mode.stopped.callback(None)
        self.assertEqual(self.mode.events[5:], ["stop"])

    def test_stop(self) -> None:
        """It has stopped when the mode has."""
        stopping = self.started().stopService()
        self.assertNoResult(stopping)
        self.mode.stopped.callback(None)
        self.successResultOf(stopping)

    def test_accepts_before_it_stops(self) -> None:
        """Who has connected by then is accepted, port by port, until nobody comes any more."""
        service = self.started()
        waiting = [2, 1, 0]

        def accept() -> None:
            self.server.stats.connections_received += waiting.pop(0)

        service._ports[0].doRead = accept
        service.stopService()
        self.assertEqual(waiting, [])

    def refusal(self, error: Exception, endpoint: str = "tcp:6379") -> str:
        """What is said when listening fails like this."""

        def fail(*args: Any, **kwargs: Any) -> None:
            raise error

        self.patch(self.reactor, "listenTCP", fail)
        self.patch(self.reactor, "listenUNIX", fail)
        with self.assertRaises(CannotStart) as caught:
            self.service(endpoint).privilegedStartService()
        return str(caught.exception)

    def test_busy(self) -> None:
        """A busy port is refused in one line that helps."""
        line = self.refusal(CannotListenError("", 6379, OSError(errno.EADDRINUSE, "Address already in use")))
        self.assertEqual(
            line,
            "tseep: cannot listen on tcp:6379: the address is in use; stop who uses it, or choose another with "
            "--listen",
        )

    def test_no_rights(self) -> None:
        """So is a port that takes rights."""
        line = self.refusal(CannotListenError("", 6379, OSError(errno.EACCES, "Permission denied")))
        self.assertIn("a port under 1024 needs root's rights", line)
        line = self.refusal(OSError(errno.EACCES, "Permission denied"), "unix:/run/a")
        self.assertIn("permission denied; choose another folder with --listen", line)

    def test_other_errors(self) -> None:
        """Any other error says what it is."""
        line = self.refusal(CannotListenError("", 6379, OSError(errno.EADDRNOTAVAIL, "Cannot assign")))
        self.assertIn("Cannot assign", line)
        self.assertIn("wrong", self.refusal(ValueError("wrong")))
        self.assertIn("no such folder; make it", self.refusal(FileNotFoundError(errno.ENOENT, "No such"), "unix:/a/b"))
