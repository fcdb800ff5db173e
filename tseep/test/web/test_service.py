"""Tests of L{tseep.web.service}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tseep.net.ports import CannotStart
from tseep.server.server import Server
from tseep.test.browsing import NoMode
from tseep.test.packages import skip_without

skip = skip_without("prometheus_client")

if TYPE_CHECKING or skip is None:
    from tseep.web.service import WebService


class WebServiceTests(SynchronousTestCase):
    """The Twisted service of the HTTP endpoints."""

    def setUp(self) -> None:
        """Use an in-memory reactor and a TCP and a Unix endpoint."""
        self.reactor = MemoryReactorClock()
        self.server = Server()
        self.service = WebService(self.reactor, NoMode(self.server), ["tcp:8000:interface=127.0.0.1", "unix:/run/web"])

    def test_listens(self) -> None:
        """The service listens on every endpoint."""
        self.service.privilegedStartService()
        self.assertEqual([8000], [port for port, *_ in self.reactor.tcpServers])
        self.assertEqual(["/run/web"], [path for path, *_ in self.reactor.unixServers])

    def test_samples(self) -> None:
        """A sample is recorded each second from C{startService} to C{stopService}."""
        self.service.privilegedStartService()
        self.service.startService()
        self.reactor.pump([1.0] * 3)
        self.assertEqual(4, len(self.service._samples.kept))
        self.successResultOf(self.service.stopService())
        self.reactor.pump([1.0] * 3)
        self.assertEqual(4, len(self.service._samples.kept))

    def test_cannot_listen(self) -> None:
        """An invalid endpoint raises C{CannotStart}, which has its description."""
        service = WebService(self.reactor, NoMode(self.server), ["nonsense:1"])
        error = self.assertRaises(CannotStart, service.privilegedStartService)
        self.assertIn("nonsense:1", str(error))
