"""
A worker process of v3: accepts clients, and carries their bytes to the owner of the data and back.

The owner starts it as C{python -m tseep.modes.workers}, with the link as file descriptor 3 and the sockets to listen on
as the following ones.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import socket
import sys
from time import perf_counter_ns
from typing import Any, Callable

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import FileLogObserver, LogEvent, Logger, LogLevel, eventAsText, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from tseep.modes.workers import frames
from tseep.modes.workers.frames import Outbox, split
from tseep.modes.workers.sharing import HandedListener
from tseep.net import address
from tseep.net.heartbeat import Heartbeat
from tseep.net.listener import ClientFactory, close_now
from tseep.net.timing import keep_even_time
from tseep.net.transport import LinkTransport, descriptor, prepare
from tseep.net.watcher import Watcher
from tseep.system.process import release_memory, resident_memory
from tseep.system.title import set_title
from tseep.telemetry.histogram import LoopLag

_log = Logger("tseep.modes.worker.Worker")

LINK_FD = 3
"""The file descriptor of the link to the owner."""

CHANNEL_FD = 4
"""The file descriptor of the socket on which the owner sends further sockets to listen on."""

FIRST_SOCKET_FD = 5
"""The file descriptor of the first socket to listen on."""

DRAIN_TIMEOUT_S = 2.0
"""Maximum seconds for reading what has arrived when the owner sends DRAIN."""

MAX_CLIENT_NUMBER = 2**32 - 1
"""The highest number of a client. After it the numbers start again at 1."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class WorkerProtocol(Protocol):
    """
    One client: the worker forwards its data to the owner.

    The protocol is the producer of its own transport, so that nothing is read from a client that does not read its
    replies.
    """

    __slots__ = ("transport", "connected", "_worker", "_reserved", "_number", "_paused", "_ack_requested", "_leaving")

    transport: Any
    connected: int

    def __init__(self, worker: Worker, reserved: bool) -> None:
        self._worker = worker
        self._reserved = reserved
        self._number = 0  # 0 until OPENED is sent
        self._paused = False
        self._ack_requested = False
        self._leaving = False

    def connectionMade(self) -> None:
        """Report the client, unless a PROXY header must come first: it has the address of the client."""
        if prepare(self.transport):
            self._begin()

    def _begin(self) -> None:
        self.transport.registerProducer(self, True)
        self._number = self._worker.open(
            self,
            peer=address.show(self.transport.getPeer()),
            host=address.show(self.transport.getHost()),
            fileno=descriptor(self.transport),
            reserved=self._reserved,
        )

    def dataReceived(self, data: bytes) -> None:
        """Forward data to the owner, and stop reading if the link is full."""
        if self._leaving:
            return
        if not self._number:
            self._begin()
        worker = self._worker
        worker.outbox.add_data(self._number, data)
        if worker.full:
            self.transport.pauseProducing()
            worker.waiting.add(self)

    def readConnectionLost(self) -> None:
        """Forward EOF: the owner answers the data before it, then sends CLOSE."""
        if self._number:
            self._worker.outbox.add_frame(frames.EOF, self._number)
        else:
            self.leave()

    def writeConnectionLost(self) -> None:
        """Do nothing: the worker never shuts down its writing side alone."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._leaving = True
        self._worker.slow.discard(self)
        if self._number:
            self._worker.forget(self, self._number)

    def leave(self) -> None:
        """Close when the client has read all data."""
        self._leaving = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def request_ack(self) -> None:
        """Send ACK now, or when the client has read its data."""
        if self._paused:
            self._ack_requested = True
        else:
            self._worker.outbox.add_frame(frames.ACK, self._number)

    def pauseProducing(self) -> None:
        self._paused = True
        self._worker.slow.add(self)
        self._worker.release_due = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        self._worker.slow.discard(self)
        if self._ack_requested:
            self._ack_requested = False
            self._worker.outbox.add_frame(frames.ACK, self._number)
        self.resume_reading()

    def resume_reading(self) -> None:
        """Read again, unless the client does not read its replies or the link is full."""
        if not self._paused and self not in self._worker.waiting:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: the transport calls C{connectionLost}, too."""


@implementer(IPushProducer)
class Worker(Protocol):
    """
    The worker, and its side of the link to the owner.

    @param exit_process: called when the owner has closed the link, or the worker cannot listen.
    @ivar outbox: frames for the owner, sent when the batch ends.
    @ivar full: whether the owner does not read from the link. A client that sends data is then no longer read from.
    @ivar waiting: the clients that are not read from because the link is full.
    @ivar slow: the clients that do not read their replies.
    @ivar release_due: whether memory must be given back to the system once no client is slow.
    """

    transport: Any

    def __init__(self, reactor: Any, exit_process: Callable[[], None]) -> None:
        self._reactor = reactor
        self._exit_process = exit_process
        self.outbox = Outbox()
        self.full = False
        self.waiting: set[WorkerProtocol] = set()
        self.slow: set[WorkerProtocol] = set()
        self.release_due = False
        self._clients: dict[int, WorkerProtocol] = {}
        self._last_number = 0
        self._rest = b""
        self._ports: dict[str, Any] = {}  # by endpoint
        self._changes: list[tuple[Callable[[Worker, bytes], None], bytes]] = []  # of ports
        self._lag = LoopLag()
        self.watcher = Watcher(reactor, self.flush)

    def start(self, link: socket.socket) -> None:
        """Begin to read from the link. What to listen on comes with the BEGIN frame."""
        self.makeConnection(LinkTransport(link, self, self.watcher))
        self.transport.registerProducer(self, True)
        self.watcher.start()
        self._heartbeat = Heartbeat(self._reactor, perf_counter_ns, self._lag, lambda: None)
        self._heartbeat.start()

    def open(self, client: WorkerProtocol, **facts: Any) -> int:
        """Register a client and report it to the owner. Returns its number."""
        number = self._next_number(self._last_number)
        while number in self._clients:
            number = self._next_number(number)
        self._last_number = number
        self._clients[number] = client
        self.outbox.add_frame(frames.OPENED, number, json.dumps(facts).encode())
        return number

    @staticmethod
    def _next_number(number: int) -> int:
        return number % MAX_CLIENT_NUMBER + 1

    def forget(self, client: WorkerProtocol, number: int) -> None:
        """Unregister a client that has disconnected, and report it to the owner."""
        del self._clients[number]
        self.waiting.discard(client)
        self.outbox.add_frame(frames.CLOSED, number)

    def flush(self) -> None:
        """Send the outbox to the owner in one write."""
        if self.outbox.parts:
            self.transport.write(self.outbox.pop_all())

    # Frames from the owner

    def dataReceived(self, data: bytes) -> None:
        received, self._rest = split(self._rest + data)
        clients = self._clients
        for kind, number, payload in received:
            if number:
                client = clients.get(number)
                if client is None:
                    continue  # it has disconnected; the CLOSED frame is on its way to the owner
                if kind == frames.BYTES:
                    client.transport.write(payload)
                else:
                    _CLIENT_FRAMES[kind](client)
            else:
                _WORKER_FRAMES[kind](self, payload)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._exit_process()

    def begin(self, payload: bytes) -> None:
        """Listen on the sockets for the endpoints of the BEGIN frame."""
        for index, (endpoint, reserved) in enumerate(json.loads(payload)):
            self._listen(FIRST_SOCKET_FD + index, endpoint, reserved)

    def change_ports(self, change: Callable[[Worker, bytes], None], payload: bytes) -> None:
        """
        Schedule L{listen} or L{unlisten}, in order. While events are processed, a new port could get the file
        descriptor of a closed one, and an event of that.
        """
        self._changes.append((change, payload))
        if len(self._changes) == 1:
            self._reactor.callLater(0, self._change_ports)

    def _change_ports(self) -> None:
        changes, self._changes = self._changes, []
        for change, payload in changes:
            change(self, payload)

    def listen(self, payload: bytes) -> None:
        """Listen on a socket that has arrived on the channel, for the endpoint of the LISTEN frame."""
        with socket.socket(fileno=os.dup(CHANNEL_FD)) as channel:
            (number,) = socket.recv_fds(channel, 1, 1)[1]
        self._listen(number, *json.loads(payload))

    def unlisten(self, payload: bytes) -> None:
        """Close the port of an endpoint."""
        close_now(self._ports.pop(payload.decode()))

    def _listen(self, number: int, endpoint: str, reserved: bool) -> None:
        listener = HandedListener(self.watcher, number)
        listening = maybeDeferred(listener.listen, endpoint, self._factory(reserved))
        add = self._ports.__setitem__
        listening.addCallbacks(lambda port: add(endpoint, port), self._cannot_listen, errbackArgs=(endpoint,))

    def _factory(self, reserved: bool) -> ClientFactory:
        return ClientFactory(lambda _: WorkerProtocol(self, reserved))

    def _cannot_listen(self, failure: Failure, endpoint: str) -> None:
        """Log and exit; the owner starts another worker after a delay."""
        _log.error("cannot listen on {endpoint}: {error}", endpoint=endpoint, error=failure.getErrorMessage())
        self._exit_process()

    def pong(self, payload: bytes) -> None:
        """Report CPU time, memory and lag; give memory back once no client is slow any more."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        costs = {
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "resident": resident_memory(),
            "lag_ns": self._lag.worst,
            "batches": self.watcher.batches,
        }
        self.outbox.add_frame(frames.PONG, 0, json.dumps(costs).encode())
        if self.release_due and not self.slow:
            self.release_due = False
            release_memory()

    def drain(self, payload: bytes) -> None:
        """Schedule the drain: it serves clients, which must not happen while frames of the owner are processed."""
        self._reactor.callLater(0, self._drain)

    def _drain(self) -> None:
        """Accept the connections in the backlogs, close the ports, and forward what clients have sent."""
        for port in self._ports.values():
            accepted = -1
            while accepted != self._last_number:
                accepted = self._last_number
                port.doRead()
            port.stopListening()
        self.watcher.serve(DRAIN_TIMEOUT_S)
        self.outbox.add_frame(frames.DRAINED)
        self.flush()

    # IPushProducer, for the link

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        self.full = False
        waiting, self.waiting = self.waiting, set()
        for client in waiting:
            client.resume_reading()

    def stopProducing(self) -> None:
        """Do nothing: the transport calls C{connectionLost}, too."""


_CLIENT_FRAMES: dict[int, Callable[[WorkerProtocol], None]] = {
    frames.CLOSE: WorkerProtocol.leave,
    frames.ABORT: lambda client: client.transport.abortConnection(),
    frames.ACK_REQUEST: WorkerProtocol.request_ack,
}

_WORKER_FRAMES: dict[int, Callable[[Worker, bytes], None]] = {
    frames.BEGIN: Worker.begin,
    frames.LISTEN: lambda worker, payload: worker.change_ports(Worker.listen, payload),
    frames.UNLISTEN: lambda worker, payload: worker.change_ports(Worker.unlisten, payload),
    frames.PING: Worker.pong,
    frames.DRAIN: Worker.drain,
}


def _format_event(event: LogEvent) -> str | None:
    """Return a warning or error as a line for standard error, which the owner logs; None for lower levels."""
    if event["log_level"] < LogLevel.warn:
        return None
    return eventAsText(event, includeTimestamp=False, includeSystem=False) + "\n"


def main() -> None:
    """Run a worker until the owner closes the link."""
    from twisted.internet import reactor

    keep_even_time(reactor)
    faulthandler.enable(2)  # the owner logs it
    if sys.argv[2:]:
        set_title(sys.argv[2])
    globalLogBeginner.beginLoggingTo([FileLogObserver(sys.stderr, _format_event)], redirectStandardIO=False)
    worker = Worker(reactor, lambda: os._exit(0))
    worker.start(socket.socket(fileno=LINK_FD))
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]
