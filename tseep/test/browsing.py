"""Shared set-up of the web tests: a site in memory and requests to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.server import Site
from zope.interface import implementer

from tseep.interfaces import IMode
from tseep.server.server import Server
from tseep.test.packages import skip_without
from tseep.test.support import SessionTests
from tseep.web.samples import Samples

_SKIP = skip_without("prometheus_client")

if TYPE_CHECKING or _SKIP is None:
    from tseep.web.service import make_site

LOCAL = IPv4Address("TCP", "127.0.0.1", 50000)


class Response(NamedTuple):
    """An HTTP response: status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed as JSON."""
        return json.loads(self.body)


@implementer(IMode)
class NoMode:
    """A mode that calls the server directly and does no I/O."""

    name = "none"
    details = ""

    def __init__(self, server: Server) -> None:
        self.server = server

    def start(self) -> None:
        """Do nothing."""

    def listen(self, endpoint: str, reserved: bool = False) -> None:
        """Do nothing."""

    def close_port(self, port: Any) -> None:
        raise NotImplementedError

    def call(self, function: Callable[[], None]) -> None:
        function()

    def serve_clients(self, seconds: float = 0) -> None:
        """Nothing."""

    def set_keepalive(self, seconds: int) -> None:
        """Nothing."""

    def wake(self, when: int) -> None:
        """Nothing."""

    def stop(self, grace: float) -> None:
        """Do nothing."""


class SiteTests(SessionTests):
    """
    Base class of tests that request pages.

    @ivar samples: the samples of the live page; the test records them.
    """

    skip = _SKIP

    def setUp(self) -> None:
        """Make a site for the server."""
        super().setUp()
        self.mode = NoMode(self.server)
        self.samples = Samples(self.server)
        self.site: Site = make_site(Clock(), self.mode, self.samples)

    def get(self, path: str, peer: IAddress = LOCAL, **headers: str) -> Response:
        """Request a page; the default C{host} is an address."""
        headers = {"host": "127.0.0.1:8000", **headers}
        protocol: Any = self.site.buildProtocol(peer)
        transport = StringTransport(peerAddress=peer)
        protocol.makeConnection(transport)
        lines = [f"GET {path} HTTP/1.0", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
        protocol.dataReceived("\r\n".join(lines).encode())
        head, _, body = transport.value().partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in rest)
        return Response(int(first.split()[1]), fields, body)
