"""Tests for L{tseep.modes.evented}."""

from __future__ import annotations

import select
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.configuration.parameters import Config
from tseep.interfaces import IConnection, IMode
from tseep.modes.evented import EventedMode, EventedProtocol
from tseep.net.listener import ClientFactory
from tseep.server.server import TOO_MANY_CLIENTS, Server
from tseep.test.net.test_watcher import FakeReactor


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class UnslottedProtocol(EventedProtocol):
    """A protocol whose methods a test can replace."""


class EventedProtocolTests(SynchronousTestCase):
    """L{EventedProtocol} passes a client's bytes to its session and the replies to the transport."""

    def setUp(self) -> None:
        self.server = Server(Config(maxclients="2"), clock=Clock().seconds)
        self.mode = EventedMode(FakeReactor(), self.server)
        self.factory = ClientFactory(lambda _: UnslottedProtocol(self.mode, False))

    def connect(self) -> Any:
        """Return the protocol of a new client."""
        protocol = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        transport = Transport(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 6379),
            peerAddress=IPv4Address("TCP", "127.0.0.1", 50000),
        )
        protocol.makeConnection(transport)
        return protocol

    def test_interfaces(self) -> None:
        """A protocol provides C{IConnection} for its session and C{IPushProducer} for its transport."""
        protocol = self.connect()
        verifyObject(IConnection, protocol)
        verifyObject(IPushProducer, protocol)

    def test_answers(self) -> None:
        """The replies to pipelined commands are written to the transport."""
        protocol = self.connect()
        protocol.dataReceived(b"PING\r\nECHO hi\r\n")
        self.assertEqual(protocol.transport.value(), b"+PONG\r\n$2\r\nhi\r\n")

    def test_addresses(self) -> None:
        """A connection has the addresses of both ends; its file descriptor is -1 if the transport has none."""
        protocol = self.connect()
        self.assertEqual((protocol.peer, protocol.host), ("127.0.0.1:50000", "127.0.0.1:6379"))
        self.assertEqual(protocol.fileno, -1)

    def test_maxclients(self) -> None:
        """A client above C{maxclients} gets Redis's error and is closed; after a disconnect another is admitted."""
        first, _, third = self.connect(), self.connect(), self.connect()
        self.assertEqual(third.transport.value(), TOO_MANY_CLIENTS)
        self.assertTrue(third.transport.disconnecting)
        third.dataReceived(b"PING\r\n")
        third.connectionLost()
        self.assertEqual(third.transport.value(), TOO_MANY_CLIENTS)
        first.connectionLost()
        self.assertEqual(self.connect().transport.value(), b"")

    def test_connection_lost(self) -> None:
        """A lost connection removes the session; bytes received after that are ignored."""
        protocol = self.connect()
        protocol.connectionLost()
        protocol.dataReceived(b"PING\r\n")
        self.assertEqual(self.server.sessions, {})

    def test_protocol_error(self) -> None:
        """A protocol error is sent after the replies to the commands before it, then the connection closes."""
        protocol = self.connect()
        protocol.dataReceived(b"PING\r\n*x\r\n")
        self.assertEqual(protocol.transport.value(), b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")
        self.assertTrue(protocol.transport.disconnecting)

    def test_backpressure(self) -> None:
        """While its transport is paused by backpressure, a client's commands do not run and no bytes are read."""
        protocol = self.connect()
        protocol.dataReceived(b"SET k " + b"v" * 60_000 + b"\r\n")
        protocol.transport.clear()
        protocol.transport.write = lambda data: (
            StringTransport.write(protocol.transport, data),
            protocol.pauseProducing(),
        )
        protocol.dataReceived(b"GET k\r\n" * 100)
        self.assertEqual(protocol.transport.producerState, "paused")
        taken = len(protocol.transport.value())
        self.assertLess(taken, 2_000_000)
        del protocol.transport.write
        protocol.resumeProducing()
        self.assertEqual(protocol.transport.value(), (b"$60000\r\n" + b"v" * 60_000 + b"\r\n") * 100)
        self.assertEqual(protocol.transport.producerState, "producing")

    def test_message_to_paused(self) -> None:
        """Messages to a paused client are queued; after C{resumeProducing} they are sent once changes are committed."""
        protocol = self.connect()
        protocol.pauseProducing()
        self.assertEqual(5, protocol.send(b"hello"))
        self.server.uncommitted = True
        protocol.resumeProducing()
        self.assertEqual((b"", 5), (protocol.transport.value(), protocol.unsent))
        self.patch(self.server.persistence, "commit", lambda: setattr(self.server, "uncommitted", False))
        self.mode.commit()
        self.assertEqual((b"hello", 0), (protocol.transport.value(), protocol.unsent))

    def test_closing_with_held_messages(self) -> None:
        """A closing client that does not read gets its held messages after the commit, and is closed then."""
        protocol = self.connect()
        protocol.pauseProducing()
        protocol.send(b"hello")
        self.server.uncommitted = True
        protocol._session.closing = True
        protocol.resume()
        self.assertFalse(protocol.transport.disconnecting)
        self.server.uncommitted = False
        protocol.resumeProducing()
        self.assertEqual((b"hello", True), (protocol.transport.value(), protocol.transport.disconnecting))

    def test_order_of_held_replies(self) -> None:
        """A command that serves other clients after a commit does not let their new replies pass the held ones."""
        self.patch(self.server.persistence, "commit", lambda: setattr(self.server, "uncommitted", False))
        first, second = self.connect(), self.connect()
        self.server.uncommitted = True
        for protocol in (first, second):
            protocol.dataReceived(b"ECHO held\r\n")
        first._go_on = lambda session: second.dataReceived(b"ECHO new\r\n")
        self.mode.commit()
        self.assertEqual(b"$4\r\nheld\r\n$3\r\nnew\r\n", second.transport.value())

    def test_close(self) -> None:
        """C{close} sends the pending replies before it closes the connection."""
        protocol = self.connect()
        protocol.close()
        self.assertTrue(protocol.transport.disconnecting)
        self.assertFalse(protocol.transport.aborted)

    def test_close_again(self) -> None:
        """A second C{close} aborts the connection."""
        protocol = self.connect()
        protocol.close()
        protocol.close()
        self.assertTrue(protocol.transport.aborted)

    def test_close_while_paused(self) -> None:
        """C{close} aborts a connection whose client does not read."""
        protocol = self.connect()
        protocol.pauseProducing()
        protocol.close()
        self.assertTrue(protocol.transport.aborted)


class EventedModeTests(SynchronousTestCase):
    """L{EventedMode} listens through the watcher and closes its clients on shutdown."""

    def test_interface(self) -> None:
        mode = EventedMode(FakeReactor(), Server())
        mode.start()
        self.addCleanup(mode._watcher.stop)
        verifyObject(IMode, mode)

    def test_stop(self) -> None:
        """C{stop} closes every client, and aborts those that are still connected at the timeout."""
        reactor = FakeReactor()
        server = Server()
        mode = EventedMode(reactor, server)
        mode.start()
        goes, lingers = (EventedProtocol(mode, False) for _ in range(2))
        for protocol in (goes, lingers):
            protocol.makeConnection(Transport(peerAddress=IPv4Address("TCP", "127.0.0.1", 50000)))
        stopped = ensureDeferred(mode.stop(1.0))
        self.assertTrue(goes.transport.disconnecting and lingers.transport.disconnecting)
        goes.connectionLost()
        reactor.pump([0.02] * 60)
        self.successResultOf(stopped)
        self.assertEqual((goes.transport.aborted, lingers.transport.aborted), (False, True))
        self.assertEqual(reactor.readers, [])

    def test_without_epoll(self) -> None:
        """Without epoll the reactor listens instead of the watcher."""
        self.patch(select, "epoll", None)
        del select.epoll
        reactor = FakeReactor()
        mode = EventedMode(reactor, Server())
        mode.start()
        self.assertIs(mode._listener._reactor, reactor)
        stopped = ensureDeferred(mode.stop(1.0))
        reactor.advance(0.02)
        self.successResultOf(stopped)
