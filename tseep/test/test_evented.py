"""Tests for L{tseep.modes.evented}."""

from __future__ import annotations

import select
import socket
from typing import Any, List
from unittest import skipUnless

from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ..config import Config
from ..interfaces import IConnection, IMode
from ..modes.evented import EventedMode, TCPTransport
from ..modes.watcher import Watcher
from ..server import TOO_MANY_CLIENTS, Server
from .test_watcher import FakeReactor


class Transport(StringTransport):
    """A transport that notes how it is closed."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class EventedProtocolTests(SynchronousTestCase):
    """A client's bytes go to a session, the replies to the transport."""

    def setUp(self) -> None:
        self.server = Server(Config(maxclients="2"), clock=Clock().seconds)
        self.mode = EventedMode(FakeReactor(), self.server)
        self.factory = self.mode.factory

    def connect(self) -> Any:
        """A new client's protocol."""
        protocol = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        transport = Transport(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 6379),
            peerAddress=IPv4Address("TCP", "127.0.0.1", 50000),
        )
        protocol.makeConnection(transport)
        return protocol

    def test_interfaces(self) -> None:
        """A protocol is a session's connection and its transport's producer."""
        protocol = self.connect()
        verifyObject(IConnection, protocol)
        verifyObject(IPushProducer, protocol)

    def test_answers(self) -> None:
        """What the client sends is answered."""
        protocol = self.connect()
        protocol.dataReceived(b"PING\r\nECHO hi\r\n")
        self.assertEqual(protocol.transport.value(), b"+PONG\r\n$2\r\nhi\r\n")

    def test_addresses(self) -> None:
        """It knows both ends of its connection."""
        protocol = self.connect()
        self.assertEqual((protocol.peer, protocol.host), ("127.0.0.1:50000", "127.0.0.1:6379"))
        self.assertEqual(protocol.fileno, -1)

    def test_too_many(self) -> None:
        """One client too many gets Redis's error and is closed; when one goes there is room again."""
        first, _, third = self.connect(), self.connect(), self.connect()
        self.assertEqual(third.transport.value(), TOO_MANY_CLIENTS)
        self.assertTrue(third.transport.disconnecting)
        third.dataReceived(b"PING\r\n")
        third.connectionLost()
        self.assertEqual(third.transport.value(), TOO_MANY_CLIENTS)
        first.connectionLost()
        self.assertEqual(self.connect().transport.value(), b"")

    def test_connection_lost(self) -> None:
        """A client that is gone is forgotten."""
        protocol = self.connect()
        protocol.connectionLost()
        protocol.dataReceived(b"PING\r\n")
        self.assertEqual(self.server.sessions, {})

    def test_closes_after_replies(self) -> None:
        """A client whose bytes make no sense gets its replies, then the error, then the end."""
        protocol = self.connect()
        protocol.dataReceived(b"PING\r\n*x\r\n")
        self.assertEqual(protocol.transport.value(), b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")
        self.assertTrue(protocol.transport.disconnecting)

    def test_not_reading(self) -> None:
        """While the client does not take its replies, none of its commands run and nothing is read of it."""
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

    def test_close(self) -> None:
        """Being closed, it sends what was answered first."""
        protocol = self.connect()
        protocol.close()
        self.assertTrue(protocol.transport.disconnecting)
        self.assertFalse(protocol.transport.aborted)

    def test_close_again(self) -> None:
        """Who lingers after having been closed is cut off the second time."""
        protocol = self.connect()
        protocol.close()
        protocol.close()
        self.assertTrue(protocol.transport.aborted)

    def test_close_while_paused(self) -> None:
        """Who does not take its replies is cut off at once."""
        protocol = self.connect()
        protocol.pauseProducing()
        protocol.close()
        self.assertTrue(protocol.transport.aborted)


class Listening:
    """Stands for the port that a transport came from."""

    _realPortNumber = 6379


class Sink(Protocol):
    """Notes what it receives and why it ends."""

    def __init__(self) -> None:
        self.events: List[Any] = []

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append("lost")


class Producer:
    """Notes how it is asked to pause."""

    def __init__(self) -> None:
        self.events: List[str] = []

    def pauseProducing(self) -> None:
        self.events.append("pause")

    def resumeProducing(self) -> None:
        self.events.append("resume")

    def stopProducing(self) -> None:
        self.events.append("stop")


@skipUnless(hasattr(select, "epoll"), "the platform has no epoll")
class WriteAtOnceTests(SynchronousTestCase):
    """A write goes to the socket at once, and everything else is as Twisted has it."""

    def setUp(self) -> None:
        self.watcher = Watcher(FakeReactor())
        near, self.far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(self.far.close)
        self.far.setblocking(False)
        self.sink = Sink()
        self.transport = TCPTransport(near, self.sink, ("127.0.0.1", 1), Listening(), 0, self.watcher)  # type: ignore[arg-type]
        self.sink.makeConnection(self.transport)

    def take(self) -> bytes:
        """Everything that the far end can read."""
        taken = b""
        try:
            while True:
                data = self.far.recv(2**20)
                if not data:
                    return taken
                taken += data
        except BlockingIOError:
            return taken

    def test_at_once(self) -> None:
        """The bytes are there before anybody is woken, and nobody has to be."""
        self.transport.write(b"hello")
        self.assertEqual(self.far.recv(10), b"hello")
        self.assertEqual(self.watcher.getWriters(), [])

    def test_reads(self) -> None:
        """What the far end sends reaches the protocol."""
        self.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual(self.sink.events, [b"x"])

    def test_rest_follows(self) -> None:
        """What the socket does not take is sent in order when it does, with the producer paused meanwhile."""
        producer = Producer()
        self.transport.registerProducer(producer, True)
        data = bytes(range(256)) * 20_000
        self.transport.write(data)
        self.transport.write(b"end")
        self.assertEqual(producer.events, ["pause", "pause"])
        taken = b""
        while len(taken) < len(data) + 3:
            taken += self.take()
            self.watcher.doRead()
        self.assertEqual(taken, data + b"end")
        self.assertEqual(producer.events, ["pause", "pause", "resume"])
        self.assertEqual(self.watcher.getWriters(), [])

    def test_lose_connection(self) -> None:
        """A connection that is let go sends what is left first."""
        data = b"x" * 3_000_000
        self.transport.write(data)
        self.transport.loseConnection()
        taken = b""
        while len(taken) < len(data):
            taken += self.take()
            self.watcher.doRead()
        self.watcher.doRead()
        self.assertEqual((taken, self.far.recv(1), self.sink.events), (data, b"", ["lost"]))

    def test_far_end_gone(self) -> None:
        """A write to a far end that is gone ends the connection, by the next turn and not by an exception."""
        self.far.close()
        self.transport.write(b"x")
        self.watcher.doRead()
        self.assertEqual(self.sink.events, ["lost"])
        self.transport.write(b"y")


class EventedModeTests(SynchronousTestCase):
    """The mode gives the watcher its clients, and ends in order."""

    def test_interface(self) -> None:
        """It is a mode."""
        mode = EventedMode(FakeReactor(), Server())
        mode.start()
        self.addCleanup(mode._watcher.stop)
        verifyObject(IMode, mode)

    def test_stop(self) -> None:
        """Stopping closes every client, and cuts off in the end who does not go."""
        reactor = FakeReactor()
        server = Server()
        mode = EventedMode(reactor, server)
        mode.start()
        goes, lingers = (mode.factory.buildProtocol(None) for _ in range(2))
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
        """Where there is no epoll the reactor itself listens."""
        self.patch(select, "epoll", None)
        del select.epoll
        reactor = FakeReactor()
        mode = EventedMode(reactor, Server())
        mode.start()
        self.assertIs(mode.listener._reactor, reactor)
        stopped = ensureDeferred(mode.stop(1.0))
        reactor.advance(0.02)
        self.successResultOf(stopped)
