"""Tests for L{tseep.modes.workers.worker}: a worker, with an owner and clients that the test simulates."""

from __future__ import annotations

import json
import os
import select
import socket
from typing import Any
from unittest import skipUnless

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.testing import StringTransport
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tseep.modes.workers import frames, worker
from tseep.modes.workers.frames import Outbox, split
from tseep.modes.workers.worker import Worker, WorkerProtocol, _format_event
from tseep.test.net.test_watcher import FakeReactor

Frame = tuple[int, int, bytes]


class Transport(StringTransport):
    """A client's transport that records C{abortConnection}."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


@skipUnless(hasattr(select, "epoll"), "the platform has no epoll")
class WorkerTests(SynchronousTestCase):
    """L{Worker} forwards bytes between its clients and the owner."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.ends: list[Any] = []
        self.worker = Worker(self.reactor, lambda: self.ends.append("end"))
        near, self.owner = socket.socketpair()
        self.owner.setblocking(False)
        self.addCleanup(self.owner.close)
        self.addCleanup(self.worker.watcher.stop)
        self.worker.start(near)
        self.addCleanup(near.close)
        self._rest = b""

    def connect(self) -> Any:
        """Return the protocol of a new client."""
        protocol = WorkerProtocol(self.worker, False)
        protocol.makeConnection(
            Transport(
                hostAddress=IPv4Address("TCP", "127.0.0.1", 6379), peerAddress=IPv4Address("TCP", "127.0.0.1", 50000)
            )
        )
        return protocol

    def received(self) -> list[Frame]:
        """Return the frames that the owner has received since the last call."""
        self.worker.flush()
        received: list[Frame] = []
        try:
            while True:
                told, self._rest = split(self._rest + self.owner.recv(1 << 20))
                received += told
                self.worker.watcher.doRead()
        except BlockingIOError:
            return received

    def tell(self, *said: Frame) -> None:
        """Send frames from the owner to the worker."""
        box = Outbox()
        for kind, number, text in said:
            box.add_frame(kind, number, text)
        self.owner.send(box.pop_all())
        self.worker.watcher.doRead()

    def test_interfaces(self) -> None:
        """
        A client's protocol is an C{IPushProducer} and an C{IHalfCloseableProtocol}; the worker is the link's
        C{IPushProducer}.
        """
        protocol = self.connect()
        verifyObject(IPushProducer, protocol)
        verifyObject(IHalfCloseableProtocol, protocol)
        verifyObject(IPushProducer, self.worker)

    def test_connect_and_disconnect(self) -> None:
        """A client's connect, bytes and disconnect are sent to the owner as OPENED, BYTES and CLOSED."""
        protocol = self.connect()
        protocol.dataReceived(b"PING\r\n")
        protocol.connectionLost()
        opened, *others = self.received()
        self.assertEqual((frames.OPENED, 1), opened[:2])
        facts = {"peer": "127.0.0.1:50000", "host": "127.0.0.1:6379", "fileno": -1, "reserved": False}
        self.assertEqual(facts, json.loads(opened[2]))
        self.assertEqual([(frames.BYTES, 1, b"PING\r\n"), (frames.CLOSED, 1, b"")], others)

    def test_one_write(self) -> None:
        """The frames of one batch are sent to the owner in one write at the batch's end."""
        for _ in range(3):
            self.connect().dataReceived(b"x")
        with self.assertRaises(BlockingIOError):
            self.owner.recv(1)
        self.worker.watcher.doRead()
        self.assertEqual(6, len(split(self.owner.recv(1 << 20))[0]))

    def test_answers(self) -> None:
        """BYTES from the owner are written to the client; BYTES for an unknown client are ignored."""
        protocol = self.connect()
        self.tell((frames.BYTES, 1, b"+PONG\r\n"), (frames.BYTES, 99, b"?"))
        self.assertEqual(b"+PONG\r\n", protocol.transport.value())

    def test_closed(self) -> None:
        """CLOSE closes a client after its output, ABORT at once; bytes that it sends after that are not forwarded."""
        first, second = self.connect(), self.connect()
        self.received()
        self.tell((frames.CLOSE, 1, b""), (frames.ABORT, 2, b""))
        first.dataReceived(b"more")
        self.assertEqual((True, None), (first.transport.disconnecting, first.transport.producer))
        self.assertTrue(second.transport.aborted)
        self.assertEqual([], self.received())

    def test_memory_is_released(self) -> None:
        """Memory is returned to the system once, after the last paused client resumed or disconnected."""
        given: list[str] = []
        self.patch(worker, "release_memory", lambda: given.append("back"))
        first, second = self.connect(), self.connect()
        self.tell((frames.PING, 0, b""))
        for client in (first, second):
            client.pauseProducing()
        first.resumeProducing()
        self.tell((frames.PING, 0, b""))
        self.assertEqual([], given)
        second.connectionLost()
        for _ in range(2):
            self.tell((frames.PING, 0, b""))
        self.assertEqual(["back"], given)

    def test_half_close(self) -> None:
        """After a half-close the client stays connected until the owner sends CLOSE."""
        protocol = self.connect()
        protocol.dataReceived(b"PING\r\n")
        protocol.readConnectionLost()
        self.assertEqual([frames.OPENED, frames.BYTES, frames.EOF], [kind for kind, _, _ in self.received()])
        self.assertFalse(protocol.transport.disconnecting)

    def test_ack_requests(self) -> None:
        """ACK_REQUEST is acknowledged at once, or, for a paused client, when it resumes."""
        protocol = self.connect()
        self.received()
        self.tell((frames.ACK_REQUEST, 1, b""))
        self.assertEqual([(frames.ACK, 1, b"")], self.received())
        protocol.pauseProducing()
        self.tell((frames.ACK_REQUEST, 1, b""))
        self.assertEqual(([], "paused"), (self.received(), protocol.transport.producerState))
        protocol.resumeProducing()
        self.assertEqual(([(frames.ACK, 1, b"")], "producing"), (self.received(), protocol.transport.producerState))

    def test_owner_that_does_not_read(self) -> None:
        """While the link to the owner is full each client is read at most once and then paused; no bytes are lost."""
        protocols = [self.connect() for _ in range(3)]
        data = b"x" * 60_000
        while not self.worker.full:
            protocols[0].dataReceived(data)
            self.worker.flush()
        protocols[1].dataReceived(b"y")
        states = [protocol.transport.producerState for protocol in protocols]
        self.assertEqual("paused", states[1])
        self.assertEqual("producing", states[2])
        protocols[1].pauseProducing()
        received = self.received()
        self.assertFalse(self.worker.full)
        self.assertIn((frames.BYTES, 2, b"y"), received)
        self.assertEqual("paused", protocols[1].transport.producerState, "it does not take its replies")
        protocols[1].resumeProducing()
        self.assertEqual(["producing"] * 3, [protocol.transport.producerState for protocol in protocols])

    def test_numbers(self) -> None:
        """A disconnected client's number is reused after all others, and no number has two clients."""
        self.patch(worker, "MAX_CLIENT_NUMBER", 3)
        protocols = [self.connect() for _ in range(3)]
        protocols[1].connectionLost()
        self.connect()
        numbers = [number for kind, number, _ in self.received() if kind == frames.OPENED]
        self.assertEqual([1, 2, 3, 2], numbers)

    def test_begin_and_drain(self) -> None:
        """BEGIN starts to listen on the sockets passed; DRAIN forwards data of pending connections before DRAINED."""
        bound = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(bound.close)
        self.patch(worker, "FIRST_SOCKET_FD", os.dup(bound.fileno()))
        self.tell((frames.BEGIN, 0, json.dumps([["tcp:1:interface=127.0.0.1", True]]).encode()))
        client = socket.create_connection(bound.getsockname())
        self.addCleanup(client.close)
        client.sendall(b"PING\r\n")
        for _ in range(3):
            self.worker.watcher.doRead()
        (_, _, text), said = self.received()
        self.assertEqual((True, (frames.BYTES, 1, b"PING\r\n")), (json.loads(text)["reserved"], said))
        late = socket.create_connection(bound.getsockname())
        self.addCleanup(late.close)
        late.sendall(b"GET a\r\n")
        self.tell((frames.DRAIN, 0, b""))
        self.reactor.advance(0)
        kinds = [kind for kind, _, _ in self.received()]
        self.assertEqual([frames.OPENED, frames.BYTES, frames.DRAINED], kinds, "who had come is received")

    def test_later_ports(self) -> None:
        """LISTEN adds the socket that the owner sends on the channel; UNLISTEN closes its port."""
        near, far = socket.socketpair(type=socket.SOCK_DGRAM)
        bound = socket.create_server(("127.0.0.1", 0))
        for each in (near, far, bound):
            self.addCleanup(each.close)
        self.patch(worker, "CHANNEL_FD", far.fileno())
        endpoint = "tcp:1:interface=127.0.0.1"
        socket.send_fds(near, [b"+"], [bound.fileno()])
        self.tell((frames.LISTEN, 0, json.dumps([endpoint, False]).encode()))
        self.reactor.advance(0)
        with socket.create_connection(bound.getsockname()) as client:
            client.sendall(b"PING\r\n")
            for _ in range(3):
                self.worker.watcher.doRead()
            self.assertEqual([frames.OPENED, frames.BYTES], [kind for kind, _, _ in self.received()][:2])
        bound.shutdown(socket.SHUT_RDWR)  # as the owner does, before or after the frame arrives
        self.worker.watcher.doRead()
        self.tell((frames.UNLISTEN, 0, endpoint.encode()))
        self.reactor.advance(0)
        self.assertEqual({}, self.worker._ports)

    def test_cannot_listen(self) -> None:
        """If an endpoint cannot be listened on, the worker logs the error and exits."""
        bound = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(bound.close)
        self.patch(worker, "FIRST_SOCKET_FD", os.dup(bound.fileno()))
        self.patch(worker, "_log", Logger(observer=self.ends.append))  # type: ignore[arg-type]
        self.tell((frames.BEGIN, 0, json.dumps([["nowhere:1", False]]).encode()))
        event, end = self.ends
        self.assertIn("nowhere", event["error"])
        self.assertEqual("end", end)

    def test_ping(self) -> None:
        """PING is answered by PONG with CPU time, memory, lag and batch sizes."""
        self.tell((frames.PING, 0, b""))
        ((kind, _, text),) = self.received()
        costs = json.loads(text)
        self.assertEqual((frames.PONG, {"cpu_seconds", "resident", "lag_ns", "batches"}), (kind, set(costs)))
        self.assertTrue(costs["resident"] > 1e6)

    def test_owner_eof(self) -> None:
        """The worker exits at EOF of its link to the owner."""
        self.owner.close()
        self.worker.watcher.doRead()
        self.assertEqual(["end"], self.ends)


class LogLineTests(SynchronousTestCase):
    """A worker writes log lines to standard error, which the owner logs."""

    def test_warnings(self) -> None:
        """Events of level warn and above are written, without a time; lower levels are not."""
        event = {"log_format": "oh {what}", "what": "no", "log_time": 0.0, "log_level": LogLevel.warn}
        self.assertEqual("oh no\n", _format_event(event))
        self.assertIsNone(_format_event({**event, "log_level": LogLevel.info}))

    def test_failures(self) -> None:
        """A failure is written with its traceback."""
        event = {"log_format": "x", "log_level": LogLevel.critical, "log_failure": Failure(ValueError("why"))}
        self.assertIn("ValueError: why", _format_event(event) or "")
