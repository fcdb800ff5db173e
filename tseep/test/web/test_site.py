"""Tests of L{tseep.web.site}."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.static import Data

from tseep.system.open_files import MOST_HTTP
from tseep.web.site import DEADLINE, BoundedSite

PEER = IPv4Address("TCP", "127.0.0.1", 50_000)


class Page(Resource):
    """A page that answers with a body."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """The body."""
        return b"hello"


class BoundedSiteTests(SynchronousTestCase):
    """A connection costs little, whatever a client does, and not for long."""

    def setUp(self) -> None:
        """A site with one page."""
        root = Resource()
        root.putChild(b"page", Data(b"hello", "text/plain"))
        self.clock = Clock()
        self.site = BoundedSite(root, timeout=DEADLINE, reactor=self.clock)

    def connect(self) -> Any:
        """A new connection, and its transport as C{transport}."""
        protocol = self.site.buildProtocol(PEER)
        protocol.makeConnection(StringTransport(peerAddress=PEER))
        return protocol

    def test_bound(self) -> None:
        """One connection too many is told so and closed; another may come when one has gone."""
        channels = [self.connect() for _ in range(MOST_HTTP)]
        refused = self.connect()
        self.assertIn(b"503", refused.transport.value())
        self.assertTrue(refused.transport.disconnecting)
        channels[0].connectionLost(None)
        self.assertFalse(self.connect().transport.disconnecting)

    def test_head(self) -> None:
        """HEAD is answered like GET without the body, and not a word of it is in the log, which anybody could fill."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)  # type: ignore[arg-type]
        self.addCleanup(globalLogPublisher.removeObserver, events.append)  # type: ignore[arg-type]
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
        """Who sends a byte at a time is closed when the time is over, and cut off if that does not end it."""
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
        """Who asks again and again keeps its connection."""
        channel = self.connect()
        for _ in range(3 * DEADLINE):
            channel.dataReceived(b"GET /page HTTP/1.1\r\nHost: here\r\n\r\n")
            self.clock.advance(1)
        self.assertEqual(3 * DEADLINE, channel.transport.value().count(b"200 OK"))
        self.assertFalse(channel.transport.disconnecting)

    def test_no_body(self) -> None:
        """A request with a body is refused, and nothing of that is kept, however long it says it is."""
        for header in (b"Content-Length: 9000000000", b"Transfer-Encoding: chunked"):
            channel = self.connect()
            channel.dataReceived(b"POST /page HTTP/1.1\r\n" + header + b"\r\n\r\nabc")
            channel.dataReceived(b"x" * 10_000)
            self.assertIn(b"413", channel.transport.value())
            self.assertTrue(channel.transport.disconnecting)
            self.assertIsNone(channel.requests[0].content)

    def test_length_that_is_no_number(self) -> None:
        """A length of more digits than Python reads is a bad request."""
        channel = self.connect()
        channel.dataReceived(b"GET /page HTTP/1.1\r\nContent-Length: " + b"9" * 9000 + b"\r\n\r\n")
        self.assertTrue(channel.transport.disconnecting)

    def test_answers_that_are_not_taken(self) -> None:
        """Who does not take an answer is answered no more, and cut off after a while."""
        channel = self.connect()
        channel.pauseProducing()
        channel.dataReceived(b"GET /page HTTP/1.1\r\nHost: here\r\n\r\n" * 5)
        self.assertEqual(1, channel.transport.value().count(b"200 OK"))
        self.clock.advance(DEADLINE)
        self.assertTrue(channel.transport.disconnected)
