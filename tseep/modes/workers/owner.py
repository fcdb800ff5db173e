"""
v3: worker processes that accept, read and write, in front of the owner, the process that has the data.

The owner has the server and every session, as in v2, but no client's socket: the workers forward the clients' data in
frames over a socket pair each. What one batch of a worker has read arrives in one read, and the replies leave in one
write. So every command means what it means in v2, and the kernel's cost of the clients' sockets is spread over the
workers' cores.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ProcessProtocol, Protocol, connectionDone
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tseep.interfaces import IMode, IWorker
from tseep.modes.shutdown import POLL_INTERVAL_S, wait_while
from tseep.modes.waker import Waker
from tseep.modes.workers import frames
from tseep.modes.workers.frames import Frame, Outbox, split
from tseep.modes.workers.remote import RemoteProtocol, RemoteTransport
from tseep.modes.workers.sharing import SharingListener
from tseep.net.listener import ClientFactory
from tseep.net.transport import LinkTransport
from tseep.net.watcher import Watcher
from tseep.system.repeated import Repeated

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.modes.workers.sharing import SharedPort
    from tseep.server.server import Server

_link_log = Logger("tseep.modes.workers.Link")
_slot_log = Logger("tseep.modes.workers.Place")

PING_INTERVAL_S = 1.0
"""Seconds between two PINGs of a worker."""

MAX_MISSED_PINGS = 10
"""Number of PINGs without a PONG after which a worker is killed as unresponsive."""

MIN_RESTART_DELAY_S, MAX_RESTART_DELAY_S = 0.1, 10.0
"""Seconds until a worker that has exited is restarted. They double each time that it exits early."""

EARLY_EXIT_S = 10.0
"""A worker exits early if it has run for less than this number of seconds."""

DRAIN_TIMEOUT_S = 3.0
"""Maximum seconds at shutdown until the workers have forwarded what has arrived."""

EXIT_TIMEOUT_S = 2.0
"""Maximum seconds until a worker exits once its link is closed."""


@implementer(IPushProducer)
class Link(Protocol):
    """
    The owner's side of the link to one worker: distributes the worker's frames to its clients.

    The protocol is the producer of its own transport: while the worker does not read from the link, the owner does not
    either.

    @ivar slot: the worker's.
    @ivar outbox: frames for the worker, sent when the batch ends.
    @ivar clients: transports by the number of the client.
    """

    transport: Any

    def __init__(self, server: Server, slot: WorkerSlot) -> None:
        self.slot = slot
        self.outbox = Outbox()
        self.clients: dict[int, RemoteTransport] = {}
        self._server = server
        self._rest = b""
        self._received: deque[Frame] = deque()

    def dataReceived(self, data: bytes) -> None:
        received, self._rest = split(self._rest + data if self._rest else data)
        self.slot.received += len(data)
        self._received.extend(received)
        self.process_frames()

    def process_frames(self) -> None:
        """
        Process the received frames in their order.

        A long script calls this again from within a frame, to serve the clients of the frames after it.
        """
        received, clients = self._received, self.clients
        while received:
            kind, number, payload = received.popleft()
            try:
                if kind == frames.BYTES:
                    client = clients[number]
                    if client.reading:
                        client.protocol.dataReceived(payload)  # type: ignore[union-attr]
                    else:
                        client.keep(payload)
                else:
                    _FRAMES[kind](self, number, payload)
            except Exception:
                _link_log.failure("Error while serving a client; closing its connection")
                if number in clients:
                    clients[number].close()

    def flush(self) -> None:
        """Send the outbox to the worker in one write."""
        if self.outbox.parts:
            data = self.outbox.pop_all()
            self.slot.sent += len(data)
            if self.transport is not None:
                self.transport.write(data)

    def opened(self, number: int, payload: bytes) -> None:
        """Create the transport and the protocol of a client."""
        facts = json.loads(payload)
        worker, reserved = self.slot.number, facts.pop("reserved")
        self.clients[number] = client = RemoteTransport(self.outbox, worker, number, **facts)
        client.connect(RemoteProtocol(self._server, reserved))

    def eof_received(self, number: int, payload: bytes) -> None:
        self.clients[number].eof_received()

    def closed(self, number: int, payload: bytes) -> None:
        self.clients.pop(number).connection_lost()

    def acked(self, number: int, payload: bytes) -> None:
        self.clients[number].acked()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Disconnect all clients of the worker."""
        self.transport = None
        self._received.clear()
        for client in self.clients.values():
            client.connection_lost()

    def pauseProducing(self) -> None:
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Do nothing: the transport calls C{connectionLost}, too."""


_FRAMES: dict[int, Callable[[Link, int, bytes], None]] = {
    frames.OPENED: Link.opened,
    frames.EOF: Link.eof_received,
    frames.CLOSED: Link.closed,
    frames.ACK: Link.acked,
    frames.PONG: lambda link, number, payload: link.slot.pong(json.loads(payload)),
    frames.DRAINED: lambda link, number, payload: link.slot.drained(),
}


class _ChildProtocol(ProcessProtocol):
    """Passes the output and the exit of a worker process to its slot."""

    def __init__(self, slot: WorkerSlot) -> None:
        self._slot = slot

    def errReceived(self, data: bytes) -> None:
        self._slot.log_output(data.decode("utf-8", "replace"))

    outReceived = errReceived

    def processEnded(self, reason: Failure) -> None:
        self._slot.process_exited(reason)


@implementer(IWorker)
class WorkerSlot:
    """
    A place for one worker process, which is restarted when it exits.

    @param spawn: starts a process: called with its L{ProcessProtocol}, the number of the slot, and the file descriptors
        of the worker's ends of the link and of the channel. Returns an
        L{twisted.internet.interfaces.IProcessTransport}.
    @ivar draining: whether the worker has data to forward before the server can stop.
    @ivar missed_pings: number of PINGs since the last PONG.
    """

    def __init__(self, reactor: Any, mode: WorkersMode, number: int, spawn: Callable[..., Any]) -> None:
        self._reactor = reactor
        self._mode = mode
        self._spawn = spawn
        self.number = number
        self.pid = 0
        self.restarts = -1
        self.cpu_seconds = 0.0
        self.resident = self.lag_ns = self.received = self.sent = 0
        self.ready_batch_histogram: list[int] = []
        self.draining = False
        self._link: Link | None = None
        self._channel: socket.socket
        self._process: Any = None
        self.missed_pings = 0
        self._restart_delay = MIN_RESTART_DELAY_S
        self._started = 0.0
        self._stopping = False

    @property
    def clients(self) -> int:
        """Number of clients of the worker."""
        return len(self._link.clients) if self._link is not None else 0

    def start(self) -> None:
        """Start a process and send it the endpoints, unless the server is stopping."""
        if self._stopping:
            return
        near, far = socket.socketpair()
        self._channel, far_channel = socket.socketpair(type=socket.SOCK_DGRAM)
        with far, far_channel:
            self._process = self._spawn(_ChildProtocol(self), self.number, far.fileno(), far_channel.fileno())
        self.pid = self._process.pid
        self.restarts += 1
        self._started = self._reactor.seconds()
        self.missed_pings = 0
        self._link = link = Link(self._mode.server, self)
        link.makeConnection(LinkTransport(near, link, self._mode.watcher))
        link.transport.registerProducer(link, True)
        self.send_frame(frames.BEGIN, self._mode.endpoints)

    def send_frame(self, kind: int, payload: bytes = b"") -> None:
        """Send a frame to the process at once."""
        if self._link is not None:
            self._link.outbox.add_frame(kind, 0, payload)
            self._link.flush()

    def listen(self, endpoint: str, reserved: bool, port: SharedPort) -> None:
        """Have the process listen on a port that was bound after it was started."""
        if self._link is not None:
            socket.send_fds(self._channel, [b"+"], [port.descriptor(self.number)])
            self.send_frame(frames.LISTEN, json.dumps([endpoint, reserved]).encode())

    def process_frames(self) -> None:
        """Process the frames that the link has received."""
        if self._link is not None:
            self._link.process_frames()

    def flush(self) -> None:
        """Send the outbox of the link."""
        if self._link is not None:
            self._link.flush()

    def log_output(self, text: str) -> None:
        """Log what the process has written to standard output or standard error."""
        _slot_log.warn("worker {number}: {text}", number=self.number, text=text.rstrip("\n"))

    def ping(self) -> None:
        """Send PING. Kill the process if it has missed L{MAX_MISSED_PINGS}."""
        if self._process is None:
            return
        if self.missed_pings >= MAX_MISSED_PINGS:
            _slot_log.error("worker {number} is unresponsive; killing it", number=self.number)
            self.kill()
        self.missed_pings += 1
        self.send_frame(frames.PING)

    def pong(self, costs: dict[str, Any]) -> None:
        """Store the figures of a PONG frame."""
        self.missed_pings = 0
        self.cpu_seconds, self.resident = costs["cpu_seconds"], costs["resident"]
        self.lag_ns, self.ready_batch_histogram = costs["lag_ns"], costs["batches"]

    def drain(self) -> None:
        """Have the worker accept no more connections and forward what has arrived. A process that exits stays down."""
        self._stopping = True
        self.draining = self._process is not None
        self.send_frame(frames.DRAIN)

    def drained(self) -> None:
        """Called when the worker has forwarded what had arrived."""
        self.draining = False

    def close_link(self) -> None:
        """Close the link, upon which the worker exits."""
        if self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()

    def process_exited(self, reason: Failure) -> None:
        """Disconnect the clients and schedule a restart, unless the server is stopping."""
        link, self._link, self._process, self.draining = self._link, None, None, False
        self._channel.close()
        if link is not None and link.transport is not None:
            link.transport.abortConnection()
        if self._stopping:
            return
        early = self._reactor.seconds() - self._started <= EARLY_EXIT_S
        self._restart_delay = min(2 * self._restart_delay, MAX_RESTART_DELAY_S) if early else MIN_RESTART_DELAY_S
        _slot_log.error(
            "worker {number} exited ({reason}); {clients} clients disconnected; restarting in {pause} s",
            number=self.number, reason=reason.getErrorMessage(), clients=len(link.clients) if link else 0,
            pause=self._restart_delay,
        )  # fmt: skip
        self._reactor.callLater(self._restart_delay, self.start)

    @property
    def alive(self) -> bool:
        """True while the slot has a running process."""
        return self._process is not None

    def kill(self) -> None:
        """Send SIGKILL to the process, if it has not exited yet."""
        if self._process is not None:
            try:
                self._process.signalProcess("KILL")
            except ProcessExitedAlready:
                pass


@implementer(IMode)
class WorkersMode:
    """
    v3: worker processes in front of this process, the owner of the data.

    @param spawn: called as C{IReactorProcess.spawnProcess}; by default the reactor's.
    @ivar watcher: watches the links to the workers.
    """

    name = "v3"

    @property
    def details(self) -> str:
        number = len(self._slots)
        return f"{number} worker{'s' * (number > 1)}"

    def __init__(self, reactor: Any, server: Server, spawn: Callable[..., Any] | None = None) -> None:
        self._reactor = reactor
        self._spawn = spawn or reactor.spawnProcess
        self.server = server
        self._waker = Waker(reactor, server, lambda: self.call(server.fire))
        self._ports: list[tuple[str, bool, SharedPort]] = []
        self.watcher = Watcher(reactor, self.commit)
        self._slots = [
            WorkerSlot(reactor, self, number, self._spawn_worker) for number in range(server.config["workers"])
        ]
        self._repeated = Repeated(lambda text: _slot_log.error("{text}", text=text))
        self._pinging = LoopingCall(self._ping)
        self._pinging.clock = reactor

    def start(self) -> None:
        """Begin to watch the links. The workers are spawned when the reactor runs."""
        server = self.server
        server.workers = self._slots
        self.watcher.start()
        config = server.config
        self._listener = SharingListener(
            self._reactor, len(self._slots), config["tcp-keepalive"], config["tcp-backlog"]
        )
        server.host.attach(self)
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        """Start the workers, unless the server was stopped before the reactor ran."""
        if not all(port.listening for _, _, port in self._ports):
            return
        for slot in self._slots:
            slot.start()
        self._pinging.start(PING_INTERVAL_S, now=False)

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        """Bind the sockets of an endpoint. The workers listen on them."""
        listening = self._listener.listen(endpoint, ClientFactory(lambda _: None))  # the workers accept

        def share(port: SharedPort) -> SharedPort:
            self._ports.append((endpoint, reserved, port))
            for slot in self._slots:
                slot.listen(endpoint, reserved, port)
            return port

        return listening.addCallback(share)

    def close_port(self, port: SharedPort) -> None:
        for each in self._ports:
            if each[2] is port:
                self._ports.remove(each)
                for slot in self._slots:
                    slot.send_frame(frames.UNLISTEN, each[0].encode())
                break
        port.close_now()

    @property
    def endpoints(self) -> bytes:
        """The payload of a BEGIN frame."""
        return json.dumps([(endpoint, reserved) for endpoint, reserved, _ in self._ports]).encode()

    def _spawn_worker(self, child: ProcessProtocol, number: int, link: int, channel: int) -> Any:
        descriptors = [port.descriptor(number) for _, _, port in self._ports]
        files = {0: "w", 1: "r", 2: "r", **dict(enumerate([link, channel, *descriptors], 3))}
        argv = [sys.executable, "-m", str(__package__), str(number), *filter(None, [self.server.title("tseep-worker")])]
        return self._spawn(child, sys.executable, argv, env=_environment(), childFDs=files)

    def call(self, function: Callable[[], None]) -> None:
        """Call a function that changes the server's state or sends to clients, then commit."""
        function()
        self.commit()

    def commit(self) -> None:
        """Write what was recorded to the append-only file, in one write, then send the outboxes to the workers."""
        if self.server.uncommitted:
            self.server.persistence.commit()
        for slot in self._slots:
            slot.flush()

    def serve_clients(self, seconds: float = 0) -> None:
        """Process frames while a long script runs, in the middle of the frame that has started it."""
        for slot in self._slots:
            slot.process_frames()
        self.watcher.serve(0, seconds)

    def set_keepalive(self, seconds: int) -> None:
        self._listener.keep_alive(seconds)

    def wake(self, when: int) -> None:
        self._waker.wake(when)

    def _ping(self) -> None:
        for slot in self._slots:
            self._repeated.run(f"Pinging worker {slot.number}", slot.ping)

    async def stop(self, grace: float) -> None:
        """
        Answer what has arrived, then close every connection and the workers' links.

        @param grace: seconds that clients have to read their replies before their connections are aborted.
        """
        if self._pinging.running:
            self._pinging.stop()
        for slot in self._slots:
            slot.drain()
        await wait_while(self._reactor, lambda: any(slot.draining for slot in self._slots), DRAIN_TIMEOUT_S)
        self._close_all()
        await wait_while(self._reactor, lambda: self.server.sessions, grace)
        self._close_all()
        await deferLater(self._reactor, POLL_INTERVAL_S)
        await self._end_workers()
        self._waker.stop()
        self.watcher.stop()

    async def _end_workers(self) -> None:
        for end in (WorkerSlot.close_link, WorkerSlot.kill):
            for slot in self._slots:
                end(slot)
            await wait_while(self._reactor, lambda: any(slot.alive for slot in self._slots), EXIT_TIMEOUT_S)

    def _close_all(self) -> None:
        """Close all connections. On the second call, abort those that are still open."""
        for session in list(self.server.sessions.values()):
            session.connection.close()
        self.commit()


def _environment() -> dict[str, str]:
    """Return the environment of a worker, with the folder of this package in PYTHONPATH."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
