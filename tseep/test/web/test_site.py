"""Tests of L{tseep.web.site}."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.static import Data

from tseep.system.open_files import MOST_HTTP
from tseep.test.support import log_events
from tseep.web.site import DEADLINE, BoundedSite

PEER = IPv4Address("TCP", "127.0.0.1", 50_000)


class Page(Resource):
    """A page with a fixed body."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello"


class BoundedSiteTests(SynchronousTestCase):
    """L{BoundedSite} bounds the connections, their duration, and the memory of each."""

    def setUp(self) -> None:
        """Serve one page on a fake clock."""
        root = Resource()
        root.putChild(b"page", Data(b"hello", "text/plain"))
        self.clock = Clock()
        self.site = BoundedSite(root, timeout=DEADLINE, reactor=self.clock)

    def connect(self) -> Any:
        """Return a new connection; its attribute C{transport} is the transport."""
        protocol = self.site.buildProtocol(PEER)
        protocol.makeConnection(StringTransport(peerAddress=PEER))
        return protocol

    def test_bound(self) -> None:
        """Connections above C{MOST_HTTP} get 503 and are closed; a disconnect frees a place."""
        channels = [self.connect() for _ in range(MOST_HTTP)]
        refused = self.connect()
        self.assertIn(b"503", refused.transport.value())
        self.assertTrue(refused.transport.disconnecting)
        channels[0].connectionLost(None)
        self.assertFalse(self.connect().transport.disconnecting)

    def test_head(self) -> None:
        """HEAD returns GET's headers without the body; nothing is logged, as a client could otherwise fill the log."""
        events = log_events(self)
        root = Resource()
        root.putChild(b"page", Page())
        self.site = BoundedSite(root, timeout=DEADLINE, reactor=self.clock)
        channel = self.connect()
        channel.dataReceived(b"HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = channel.transport.value()
        self.assertIn(b"Content-Length: 5\r\n", answer)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\n"), answer)
        self.assertEqual([], events)

    def test_trickle(self) -> None:
        """A request not complete within C{DEADLINE} seconds is closed, and aborted after as long again."""
        channel = self.connect()
        for byte in b"GET /page HTTP/1.1\r\n"[: DEADLINE - 1]:
            channel.dataReceived(bytes([byte]))
            self.clock.advance(1)
        self.assertFalse(channel.transport.disconnecting)
        self.clock.advance(1)
        self.assertTrue(channel.transport.disconnecting)
        self.clock.advance(DEADLINE)
        self.assertTrue(channel.transport.disconnected)

    def test_polling(self) -> None:
        """Each complete request resets the deadline: a polling client stays connected."""
        channel = self.connect()
        for _ in range(3 * DEADLINE):
            channel.dataReceived(b"GET /page HTTP/1.1\r\nHost: here\r\n\r\n")
            self.clock.advance(1)
        self.assertEqual(3 * DEADLINE, channel.transport.value().count(b"200 OK"))
        self.assertFalse(channel.transport.disconnecting)

    def test_no_body(self) -> None:
        """A request with a body gets 413 and is closed; the body is not stored."""
        for header in (b"Content-Length: 9000000000", b"Transfer-Encoding: chunked"):
            channel = self.connect()
            channel.dataReceived(b"POST /page HTTP/1.1\r\n" + header + b"\r\n\r\nabc")
            channel.dataReceived(b"x" * 10_000)
            self.assertIn(b"413", channel.transport.value())
            self.assertTrue(channel.transport.disconnecting)
            self.assertIsNone(channel.requests[0].content)

    def test_length_that_is_no_number(self) -> None:
        """A C{Content-Length} above Python's limit of integer digits closes the connection."""
        channel = self.connect()
        channel.dataReceived(b"GET /page HTTP/1.1\r\nContent-Length: " + b"9" * 9000 + b"\r\n\r\n")
        self.assertTrue(channel.transport.disconnecting)

    def test_answers_that_are_not_taken(self) -> None:
        """Backpressure: a client that does not read gets no further replies and is aborted after C{DEADLINE}."""
        channel = self.connect()
        channel.pauseProducing()
        channel.dataReceived(b"GET /page HTTP/1.1\r\nHost: here\r\n\r\n" * 5)
        self.assertEqual(1, channel.transport.value().count(b"200 OK"))
        self.clock.advance(DEADLINE)
        self.assertTrue(channel.transport.disconnected)
