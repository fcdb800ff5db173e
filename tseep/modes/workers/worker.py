"""
A worker of v3, a process of its own: accepts clients, and carries their bytes to the owner of the data and back.

It is to be started by the owner, C{python -m tseep.modes.workers}, with the link to it as file number 3 and the sockets
to listen on from number 4.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from time import perf_counter_ns
from typing import Any, Callable

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import FileLogObserver, LogEvent, Logger, LogLevel, eventAsText, globalLogBeginner
from twisted.python.failure import Failure
from zope.interface import implementer

from tseep.modes.workers import frames
from tseep.modes.workers.frames import Outbox, split
from tseep.modes.workers.sharing import HandedListener
from tseep.net import address
from tseep.net.heartbeat import Heartbeat
from tseep.net.timing import keep_even_time
from tseep.net.transport import LinkTransport, descriptor, prepare
from tseep.net.watcher import Watcher
from tseep.system.process import release_memory, resident_memory
from tseep.telemetry.histogram import LoopLag

_log = Logger("tseep.modes.worker.Worker")

LINK = 3
"""The number of the file that is the link to the owner."""

SOCKETS = 4
"""The number of the first socket to listen on; the others follow."""

DRAIN_TIMEOUT_S = 2.0
"""Seconds that are spent at most on reading what had come when the worker was told to finish."""


MOST_NUMBERS = 2**32 - 1
"""The numbers of clients are not used again before there have been so many."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class WorkerProtocol(Protocol):
    """
    One client: what it sends goes to the owner.

    It is its transport's producer, so that nothing is read from a client that does not take its replies.
    """

    __slots__ = ("transport", "connected", "_worker", "_reserved", "_number", "_paused", "_marked", "_leaving")

    transport: Any
    connected: int

    def __init__(self, worker: Worker, reserved: bool) -> None:
        self._worker = worker
        self._reserved = reserved
        self._number = 0  # not known to the owner yet
        self._paused = False  # it does not take its replies
        self._marked = False  # the owner wants to know when it has
        self._leaving = False

    def connectionMade(self) -> None:
        """A client has come. One that came through a proxy is known only when the proxy has said who it is."""
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
        """Carry it to the owner."""
        if self._leaving:
            return
        if not self._number:
            self._begin()
        worker = self._worker
        worker.outbox.say_bytes(self._number, data)
        if worker.full:
            self.transport.pauseProducing()
            worker.waiting.add(self)

    def readConnectionLost(self) -> None:
        """The client says no more. The owner answers what it has said, and then lets it go."""
        if self._number:
            self._worker.outbox.say(frames.EOF, self._number)
        else:
            self.leave()

    def writeConnectionLost(self) -> None:
        """It is never closed in half."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone."""
        self._leaving = True
        self._worker.slow.discard(self)
        if self._number:
            self._worker.forget(self, self._number)

    def leave(self) -> None:
        """Close when the client has taken what it was sent."""
        self._leaving = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def mark(self) -> None:
        """Tell the owner when the client has taken what it was sent by now."""
        if self._paused:
            self._marked = True
        else:
            self._worker.outbox.say(frames.ACK, self._number)

    def pauseProducing(self) -> None:
        """The client does not take its replies: read no more from it."""
        self._paused = True
        self._worker.slow.add(self)
        self._worker.swollen = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken its replies."""
        self._paused = False
        self._worker.slow.discard(self)
        if self._marked:
            self._marked = False
            self._worker.outbox.say(frames.ACK, self._number)
        self.go_on()

    def go_on(self) -> None:
        """Read again, if nothing is against it."""
        if not self._paused and self not in self._worker.waiting:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost: C{connectionLost} does what there is to do."""


class WorkerFactory(Factory):
    """
    Makes a protocol for each client of one worker.

    @param reserved: whether there is room for them even if there are too many others.
    """

    noisy = False

    def __init__(self, worker: Worker, reserved: bool) -> None:
        self._worker = worker
        self._reserved = reserved

    def buildProtocol(self, addr: Any) -> WorkerProtocol:
        """A protocol for the client at C{addr}."""
        return WorkerProtocol(self._worker, self._reserved)


@implementer(IPushProducer)
class Worker(Protocol):
    """
    The worker, and its end of the link to the owner.

    @param end: called when the owner is gone.
    @ivar outbox: what is to be said to the owner at the end of the batch.
    @ivar full: whether the owner does not take what it is told: then each client is read from once more and no more.
    @ivar waiting: the clients that wait for the owner.
    @ivar slow: the clients that do not take their replies, C{swollen}: whether there were such since memory was last
        given back.
    """

    transport: Any

    def __init__(self, reactor: Any, end: Callable[[], None]) -> None:
        self._reactor = reactor
        self._end = end
        self.outbox = Outbox()
        self.full = False
        self.waiting: set[WorkerProtocol] = set()
        self.slow: set[WorkerProtocol] = set()
        self.swollen = False
        self._clients: dict[int, WorkerProtocol] = {}
        self._last = 0
        self._rest = b""
        self._ports: list[Any] = []
        self._lag = LoopLag()
        self.watcher = Watcher(reactor, self.flush)

    def start(self, link: socket.socket) -> None:
        """Begin to listen to the owner, which says what to do."""
        self.makeConnection(LinkTransport(link, self, self.watcher))
        self.transport.registerProducer(self, True)
        self.watcher.start()
        self._heartbeat = Heartbeat(self._reactor, perf_counter_ns, self._lag, lambda: None)
        self._heartbeat.start()

    def open(self, client: WorkerProtocol, **facts: Any) -> int:
        """Take in a client, and tell the owner of it; return its number."""
        self._last = self._last % MOST_NUMBERS + 1
        while self._last in self._clients:
            self._last = self._last % MOST_NUMBERS + 1
        self._clients[self._last] = client
        self.outbox.say(frames.OPENED, self._last, json.dumps(facts).encode())
        return self._last

    def forget(self, client: WorkerProtocol, number: int) -> None:
        """A client is gone."""
        del self._clients[number]
        self.waiting.discard(client)
        self.outbox.say(frames.CLOSED, number)

    def flush(self) -> None:
        """Say to the owner, all at once, what there is to be said."""
        if self.outbox.parts:
            self.transport.write(self.outbox.take())

    # What the owner says

    def dataReceived(self, data: bytes) -> None:
        """Do what the owner says."""
        told, self._rest = split(self._rest + data)
        clients = self._clients
        for kind, number, text in told:
            if number:
                client = clients.get(number)
                if client is None:
                    continue  # it is gone, and the owner is to hear of it
                if kind == frames.BYTES:
                    client.transport.write(text)
                else:
                    _TO_CLIENTS[kind](client)
            else:
                _TO_WORKERS[kind](self, text)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The owner is gone."""
        self._end()

    def begin(self, text: bytes) -> None:
        """Listen."""
        for place, (endpoint, reserved) in enumerate(json.loads(text)):
            listener = HandedListener(self.watcher, SOCKETS + place)
            listening = maybeDeferred(listener.listen, endpoint, WorkerFactory(self, reserved))
            listening.addCallbacks(self._ports.append, self._give_up, errbackArgs=(endpoint,))

    def _give_up(self, failure: Failure, endpoint: str) -> None:
        """It cannot listen; the owner starts another worker after a while."""
        _log.error("cannot listen on {endpoint}: {error}", endpoint=endpoint, error=failure.getErrorMessage())
        self._end()

    def pong(self, text: bytes) -> None:
        """Say that it is alive, and what it costs."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        costs = {
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "resident": resident_memory(),
            "lag_ns": self._lag.worst,
            "batches": self.watcher.batches,
        }
        self.outbox.say(frames.PONG, 0, json.dumps(costs).encode())
        if self.swollen and not self.slow:
            self.swollen = False
            release_memory()

    def finish(self, text: bytes) -> None:
        """Accept no more, and read what has come; not in the middle of what the owner says."""
        self._reactor.callLater(0, self._finish)

    def _finish(self) -> None:
        for port in self._ports:
            come = -1
            while come != self._last:
                come = self._last
                port.doRead()
            port.stopListening()
        self.watcher.serve(DRAIN_TIMEOUT_S)
        self.outbox.say(frames.FINISHED)
        self.flush()

    # IPushProducer, for the link

    def pauseProducing(self) -> None:
        """The owner does not take what it is told."""
        self.full = True

    def resumeProducing(self) -> None:
        """It does again."""
        self.full = False
        waiting, self.waiting = self.waiting, set()
        for client in waiting:
            client.go_on()

    def stopProducing(self) -> None:
        """The link is lost: C{connectionLost} does what there is to do."""


_TO_CLIENTS: dict[int, Callable[[WorkerProtocol], None]] = {
    frames.CLOSE: WorkerProtocol.leave,
    frames.ABORT: lambda client: client.transport.abortConnection(),
    frames.ACK_REQUEST: WorkerProtocol.mark,
}

_TO_WORKERS: dict[int, Callable[[Worker, bytes], None]] = {
    frames.BEGIN: Worker.begin,
    frames.PING: Worker.pong,
    frames.FINISH: Worker.finish,
}


def _as_line(event: LogEvent) -> str | None:
    """What the owner is to write into its log."""
    if event["log_level"] < LogLevel.warn:
        return None
    return eventAsText(event, includeTimestamp=False, includeSystem=False) + "\n"


def main() -> None:
    """Work until the owner is gone."""
    from twisted.internet import reactor

    keep_even_time(reactor)
    globalLogBeginner.beginLoggingTo([FileLogObserver(sys.stderr, _as_line)], redirectStandardIO=False)
    worker = Worker(reactor, lambda: os._exit(0))
    worker.start(socket.socket(fileno=LINK))
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]
