"""Tests for L{tseep.net.transport}."""

from __future__ import annotations

import select
import socket
from typing import Any
from unittest import skipUnless

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from tseep.net.transport import TCPTransport, buffered
from tseep.net.watcher import Watcher
from tseep.test.net.test_watcher import FakeReactor


class Listening:
    """A stand-in for the port that a transport was accepted on."""

    _realPortNumber = 6379


class Sink(Protocol):
    """A protocol that records received bytes and the loss of its connection."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def dataReceived(self, data: bytes) -> None:
        self.events.append(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.events.append("lost")


class Producer:
    """A producer that records the calls it gets."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def pauseProducing(self) -> None:
        self.events.append("pause")

    def resumeProducing(self) -> None:
        self.events.append("resume")

    def stopProducing(self) -> None:
        self.events.append("stop")


class Awaiting(Sink):
    """A L{Sink} that awaits an argument of C{awaited} bytes more."""

    awaited = 0


@skipUnless(hasattr(select, "epoll"), "the platform has no epoll")
class WriteAtOnceTests(SynchronousTestCase):
    """C{write} sends to the socket at once; bytes that it does not accept are sent as by Twisted's transports."""

    def setUp(self) -> None:
        self.watcher = Watcher(FakeReactor())
        near, self.far = socket.socketpair()
        self.addCleanup(near.close)
        self.addCleanup(self.far.close)
        self.far.setblocking(False)
        self.sink = Awaiting()
        self.transport = TCPTransport(near, self.sink, ("127.0.0.1", 1), Listening(), 0, self.watcher)  # type: ignore[arg-type]
        self.sink.makeConnection(self.transport)

    def take(self) -> bytes:
        """Return all bytes that the far end can read now."""
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
        """Written bytes arrive without an iteration of the reactor, and no writer is registered."""
        self.transport.write(b"hello")
        self.assertEqual(self.far.recv(10), b"hello")
        self.assertEqual(self.watcher.getWriters(), [])

    def test_reads(self) -> None:
        """Bytes from the far end reach the protocol."""
        self.far.send(b"x")
        self.watcher.doRead()
        self.assertEqual(self.sink.events, [b"x"])

    def test_large_argument(self) -> None:
        """A full read is followed by one of the bytes that an incomplete argument awaits, and of no others."""
        full = TCPTransport.read_size
        for awaited, sent, lengths in (
            (0, full + 9, [full]),
            (30000, full + 40000, [full, 30000]),
            (30000, full, [full]),
        ):
            self.sink.awaited = awaited
            self.far.send(bytes(sent))
            self.watcher._readers[self.transport.fileno()].doRead()
            self.assertEqual(lengths, [len(data) for data in self.sink.events])
            self.watcher.doRead()
            self.sink.events.clear()

    def test_partial_write(self) -> None:
        """Bytes that the socket does not accept are sent later, in order; until then the producer is paused."""
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

    def test_unsent(self) -> None:
        """C{unsent} is the number of queued bytes until the socket has accepted them."""
        self.transport.write(b"x")
        self.assertEqual(0, self.transport.unsent)
        self.transport.write(b"x" * 3_000_000)
        queued = self.transport.unsent
        self.assertTrue(queued > 1_000_000)
        self.transport.writeSequence([b"y", b"z"])
        self.assertEqual(queued + 2, buffered(self.sink))
        while self.transport.unsent:
            self.take()
            self.watcher.doRead()
        self.assertEqual([], self.watcher.getWriters())

    def test_lose_connection(self) -> None:
        """C{loseConnection} sends the queued bytes before it closes."""
        data = b"x" * 3_000_000
        self.transport.write(data)
        self.transport.loseConnection()
        taken = b""
        while len(taken) < len(data):
            taken += self.take()
            self.watcher.doRead()
        self.watcher.doRead()
        self.assertEqual((taken, self.far.recv(1), self.sink.events), (data, b"", ["lost"]))

    def test_write_after_close(self) -> None:
        """A write to a socket that the far end closed raises nothing; the loss is reported in the next iteration."""
        self.far.close()
        self.transport.write(b"x")
        self.watcher.doRead()
        self.assertEqual(self.sink.events, ["lost"])
        self.transport.write(b"y")
