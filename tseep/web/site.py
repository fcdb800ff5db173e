"""An HTTP server with limits on connections, on the time of a request, and on its size."""

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
Seconds after which a connection is closed: without a complete request, idle or not; or with unread output, once it is
being closed.
"""

_TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 21\r\n\r\n"
    b"Too many connections\n"
)
_BODY = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class QuietRequest(Request):
    """A request. HEAD is answered here like GET without the body; Twisted would log a line for each HEAD."""

    def render(self, resrc: Any) -> None:
        super().render(_Head(resrc) if self.method == b"HEAD" else resrc)


class _Head:
    """The answer to HEAD: a resource's headers without its body."""

    def __init__(self, resource: Any) -> None:
        self._resource = resource

    def render(self, request: Any) -> Any:
        body = self._resource.render(request)
        if isinstance(body, bytes):
            request.setHeader(b"Content-Length", b"%d" % len(body))
            return b""
        return body


class Channel(HTTPChannel):
    """
    One connection. Each request must be complete within L{DEADLINE} seconds and have no body. A client that does not
    read a response is disconnected.
    """

    abortTimeout = DEADLINE
    site: BoundedSite
    transport: Any

    def connectionMade(self) -> None:
        self.site.connections += 1
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.site.connections -= 1
        super().connectionLost(reason)

    def resetTimeout(self) -> None:
        """Input does not extend the deadline, which runs from the start of the connection and from each response."""

    def headerReceived(self, line: bytes) -> bool:
        """Also refuse a Content-Length with more digits than Python converts."""
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            self._respondToBadRequestAndDisconnect()
            return False

    def allHeadersReceived(self) -> None:
        """Refuse a body before any of it is buffered."""
        if self.length != 0:
            self.transport.write(_BODY)
            self.dataReceived = self.rawDataReceived = lambda data: None  # type: ignore[method-assign]
            self.loseConnection()
        else:
            super().allHeadersReceived()

    def requestDone(self, request: Any) -> None:
        """Close the connection after this response if the client does not read it: pipelining costs no memory."""
        if self._waitingForTransport:
            self.persistent = 0
        super().requestDone(request)

    def timeoutConnection(self) -> None:
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close when all output is sent, or after L{DEADLINE} seconds."""
        if self._abortingCall is None:
            self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        super().loseConnection()


class Refusal(Protocol):
    """Refuses a connection beyond the limit."""

    transport: Any

    def connectionMade(self) -> None:
        """Answer 503 and close. Over TLS close at once, since a response would have to wait for the handshake."""
        if ISSLTransport.providedBy(self.transport):
            self.transport.abortConnection()
        else:
            self.transport.write(_TOO_MANY)
            self.transport.loseConnection()


class BoundedSite(Site):
    """
    Serves HTTP on at most L{MOST_HTTP} connections, without an access log.

    @ivar connections: the number of open connections.
    """

    noisy = False
    protocol = Channel  # type: ignore[assignment]
    requestFactory = QuietRequest
    connections = 0

    def buildProtocol(self, addr: Any) -> Any:
        return super().buildProtocol(addr) if self.connections < MOST_HTTP else Refusal()

    def logPrefix(self) -> str:
        """Return the subject of the line that Twisted logs for each port: C{... starting on 9121}."""
        return "HTTP server"

    def log(self, request: Any) -> None:
        """Write no access log."""
