"""HTTP with bounds: on connections, on the time that each may take, and on what a request may bring."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from tseep.system.open_files import MOST_HTTP

DEADLINE = 10
"""
Seconds that a connection may take for a request, idle or sending, however it trickles; and that it may take for what it
is sent, once it is to be closed.
"""

_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 21\r\n\r\n"
    b"Too many connections\n"
)
_BODY = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class QuietRequest(Request):
    """One request. To HEAD the answer is that to GET without its body; Twisted writes a line to the log for each."""

    def render(self, resrc: Any) -> None:
        """Answer from a resource."""
        super().render(_Head(resrc) if self.method == b"HEAD" else resrc)


class _Head:
    """A resource of which only the headers are shown."""

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    def render(self, request: Any) -> Any:
        """The headers that there would be for GET."""
        body = self._resource.render(request)
        if isinstance(body, bytes):
            request.setHeader(b"Content-Length", b"%d" % len(body))
            return b""
        return body


class Channel(HTTPChannel):
    """
    One connection: each request is whole within L{DEADLINE} seconds, and has no body. Who does not take an answer is
    closed.
    """

    abortTimeout = DEADLINE
    site: BoundedSite
    transport: Any

    def connectionMade(self) -> None:
        """A client has come."""
        self.site.connections += 1
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self.site.connections -= 1
        super().connectionLost(reason)

    def resetTimeout(self) -> None:
        """What has come gives no more time: that runs from the connection's begin, and from the last answer."""

    def headerReceived(self, line: bytes) -> bool:
        """Refuse, too, a length that Python does not read: it has too many digits."""
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            self._respondToBadRequestAndDisconnect()
            return False

    def allHeadersReceived(self) -> None:
        """Refuse a body, before any of it is kept."""
        if self.length != 0:
            self.transport.write(_BODY)
            self.dataReceived = self.rawDataReceived = lambda data: None  # type: ignore[method-assign]
            self.loseConnection()
        else:
            super().allHeadersReceived()

    def requestDone(self, request: Any) -> None:
        """An answer is written; as long as it is not taken, no more requests are answered."""
        if self._waitingForTransport:
            self.persistent = 0
        super().requestDone(request)

    def timeoutConnection(self) -> None:
        """The time is over."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close when what was written is taken, and after L{DEADLINE} seconds in any case."""
        if self._abortingCall is None:
            self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        super().loseConnection()


class Refusal(Protocol):
    """A connection that is one too many."""

    transport: Any

    def connectionMade(self) -> None:
        """Close it at once; over TLS nothing could be said before the client has done its part."""
        if ISSLTransport.providedBy(self.transport):
            self.transport.abortConnection()
        else:
            self.transport.write(_TOO_MANY)
            self.transport.loseConnection()


class BoundedSite(Site):
    """
    Serves HTTP to L{MOST_HTTP} connections at once, and does not write a line for each request.

    @ivar connections: how many there are.
    """

    noisy = False
    protocol = Channel  # type: ignore[assignment]
    requestFactory = QuietRequest
    connections = 0

    def buildProtocol(self, addr: Any) -> Any:
        """A channel for a client, if it is not one too many."""
        return super().buildProtocol(addr) if self.connections < MOST_HTTP else Refusal()

    def log(self, request: Any) -> None:
        """Nothing."""
