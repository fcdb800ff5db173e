"""
v3: processes that accept, read and write, in front of one that owns the data.

The owner has the server and every session, as in v2, and touches no client's socket: the workers carry the clients'
bytes to it and back, in frames over a socket pair each. What one batch of a worker has read comes in one read, and what
it was answered leaves in one write. So everything that a command means is what it is in v2, and what the kernel takes
for the clients' sockets is spread over the workers' cores.
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
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol, connectionDone
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tseep.interfaces import IConnection, IMode, IWorker
from tseep.modes.shutdown import POLL, wait_while
from tseep.modes.waker import Waker
from tseep.modes.workers import frames
from tseep.modes.workers.frames import Frame, Outbox, split
from tseep.modes.workers.sharing import SharingListener
from tseep.net.transport import LinkTransport
from tseep.net.watcher import Watcher
from tseep.system.repeated import Repeated

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.modes.workers.sharing import SharedPort
    from tseep.server.server import Server
    from tseep.session.session import Session

_link_log = Logger("tseep.modes.workers.Link")
_place_log = Logger("tseep.modes.workers.Place")

ACK_INTERVAL_BYTES = 128 * 1024
"""Bytes that are sent to a client before its worker is asked for an acknowledgement."""

MAX_UNACKED_BYTES = 256 * 1024
"""Bytes that are sent at most beyond those, until the acknowledgement comes. A single reply may be longer."""

PING = 1.0
"""Seconds between two PINGs of a worker."""

MAX_MISSED_PINGS = 10
"""Number of PINGs without a PONG after which a worker is killed as unresponsive."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds until a worker that has exited is restarted: doubled each time that it exits soon after its start."""

SOON = 10.0
"""Seconds after its start within which a worker exits soon."""

DRAIN_TIMEOUT_S = 3.0
"""Seconds that workers have at shutdown to send what has come."""

EXIT_TIMEOUT_S = 2.0
"""Seconds that a worker has to exit once the link to it is closed."""


@implementer(IConnection)
class RemoteConnection:
    """
    One client, whose socket a worker has.

    Of what it is sent the worker tells now and then, when it is asked to, that it was taken. One who does not take its
    replies is answered no more; what it should be sent all the same, messages say, is kept here.
    """

    __slots__ = (
        "_link", "_number", "_session", "_sent", "_asked", "_marked", "_paused", "_leaving", "_held", "_held_bytes",
        "_unread", "peer", "host", "fileno",
    )  # fmt: skip

    def __init__(self, link: Link, number: int, peer: str, host: str, fileno: int) -> None:
        self._link = link
        self._number = number
        self.peer = peer
        self.host = host
        self.fileno = fileno
        self._session: Session | None = None
        self._sent = 0  # bytes since the last mark
        self._asked = 0  # bytes before it of which it is not known that they are taken
        self._marked = False  # whether that has been asked
        self._paused = False  # whether too much has been sent since
        self._leaving = False
        self._held: list[bytes] = []  # what it is to be sent then
        self._held_bytes = 0
        self._unread: deque[bytes] = _NOTHING  # what has come meanwhile

    @property
    def worker(self) -> int:
        """The number of the worker that has its socket."""
        return self._link.place.number

    def begin(self, server: Server, reserved: bool) -> None:
        """Begin a session, unless the client is one too many, or may not come."""
        session = server.connect(self, reserved)
        if isinstance(session, bytes):
            self._link.outbox.say_bytes(self._number, session)
            self._leave()
        else:
            self._session = session

    def receive(self, data: bytes) -> None:
        """Answer what the client sent."""
        session = self._session
        if self._paused or self._leaving or session is None:
            self._keep(data)
            return
        replies = session.receive(data)
        if replies:
            self._send(replies)
        if session.closing or session.waiting is not None:
            self._go_on(session)

    def taken(self) -> None:
        """The client has taken what it was sent before the last mark."""
        self._marked = False
        self._asked = 0
        paused, self._paused = self._paused, False
        if self._sent >= ACK_INTERVAL_BYTES:
            self._mark()
        if paused and not self._paused:
            self._release()

    def ended(self) -> None:
        """The client has said its last word: it is let go when it was answered, as far as it takes that."""
        if self._unread or (self._session is not None and self._session.waiting is not None):
            self._keep(_EOF)
        else:
            self._finish()

    def _finish(self) -> None:
        """The client was answered, and says no more."""
        if not self._leaving:
            self._leave()
        self.lost()

    def lost(self) -> None:
        """The client is gone."""
        self._leaving = True
        if self._session is not None:
            self._session.server.disconnect(self._session)
            self._session = None

    def send(self, data: bytes) -> int:
        """Send, or keep until the client takes what it has; return how many bytes it has not taken."""
        if not self._paused:
            self._send(data)
            return 0
        self._held.append(data)
        self._held_bytes += len(data)
        return self.unsent

    def resume(self) -> None:
        """Go on with what the client has said."""
        if self._session is not None:
            self._go_on(self._session)

    @property
    def unsent(self) -> int:
        """Bytes of which it is not known that the client has taken them, once they are many."""
        return self._held_bytes + self._asked + (self._sent if self._paused else 0)

    def close(self) -> None:
        """Close, without the replies of one who does not take them."""
        if self._paused or self._leaving:
            self._leaving = True
            self._link.outbox.say(frames.ABORT, self._number)
        else:
            self._leave()

    def _send(self, data: bytes) -> None:
        self._link.outbox.say_bytes(self._number, data)
        self._sent += len(data)
        if self._sent >= ACK_INTERVAL_BYTES:
            self._mark()

    def _mark(self) -> None:
        """Ask when what was sent is taken, if that has not been asked, and see whether it can be waited for longer."""
        if not self._marked:
            self._marked = True
            self._asked, self._sent = self._sent, 0
            self._link.outbox.say(frames.ACK_REQUEST, self._number)
        self._paused = self._asked + self._sent >= ACK_INTERVAL_BYTES + MAX_UNACKED_BYTES
        if self._session is not None:
            self._session.server.outputs.check(self._session, self.unsent)

    def _keep(self, data: bytes) -> None:
        """Keep what has come too soon; of one who leaves there is nothing to keep."""
        if not self._leaving and self._session is not None:
            if self._unread is _NOTHING:
                self._unread = deque()
            self._unread.append(data)

    def _release(self) -> None:
        """Go on with what was held back, as long as the client takes it."""
        held, self._held, self._held_bytes = self._held, [], 0
        if held:
            self.send(b"".join(held))
        if self._session is not None:
            self._go_on(self._session)
        while self._unread and not self._paused and not self._leaving:
            data = self._unread.popleft()
            if data is _EOF:
                self._finish()
            else:
                self.receive(data)

    def _go_on(self, session: Session) -> None:
        """Answer what is left, as long as the client takes it; let it go if that is what is next."""
        while session.waiting is not None and not self._paused:
            self._send(session.resume())
        if session.closing and not self._leaving:
            self._leave()

    def _leave(self) -> None:
        """Let it be closed when it has taken what it was sent."""
        self._leaving = True
        for data in self._held:
            self._link.outbox.say_bytes(self._number, data)
        self._link.outbox.say(frames.CLOSE, self._number)


_NOTHING: deque[bytes] = deque(maxlen=0)
"""What most clients have sent too soon."""

_EOF = b""
"""Stands among what has come too soon for the end of it; a worker passes nothing else on that is empty."""


@implementer(IPushProducer)
class Link(Protocol):
    """
    The owner's end of the link to one worker: gives what it says to the clients' connections.

    It is its transport's producer: a worker that does not take what it is told is not read from.

    @ivar place: the worker's.
    @ivar outbox: what is to be said to it at the end of the batch.
    @ivar clients: by number.
    """

    transport: Any

    def __init__(self, server: Server, place: WorkerSlot) -> None:
        self.place = place
        self.outbox = Outbox()
        self.clients: dict[int, RemoteConnection] = {}
        self._server = server
        self._rest = b""
        self._told: deque[Frame] = deque()

    def dataReceived(self, data: bytes) -> None:
        """Do what the worker says."""
        said, self._rest = split(self._rest + data if self._rest else data)
        self.place.received += len(data)
        self._told.extend(said)
        self.go_on()

    def go_on(self) -> None:
        """
        Do what is left of what the worker has said.

        While a long script runs this is called in the middle of itself, so what was said first is done first.
        """
        told, clients = self._told, self.clients
        while told:
            kind, number, text = told.popleft()
            try:
                if kind == frames.BYTES:
                    clients[number].receive(text)
                else:
                    _SAID[kind](self, number, text)
            except Exception:
                _link_log.failure("Error while serving a client; closing its connection")
                if number in clients:
                    clients[number].close()

    def flush(self) -> None:
        """Say, all at once, what there is to be said."""
        if self.outbox.parts:
            data = self.outbox.take()
            self.place.sent += len(data)
            if self.transport is not None:
                self.transport.write(data)

    def opened(self, number: int, text: bytes) -> None:
        """A client has come."""
        facts = json.loads(text)
        client = RemoteConnection(self, number, facts["peer"], facts["host"], facts["fileno"])
        self.clients[number] = client
        client.begin(self._server, facts["reserved"])

    def ended(self, number: int, text: bytes) -> None:
        """A client says no more."""
        self.clients[number].ended()

    def closed(self, number: int, text: bytes) -> None:
        """A client is gone."""
        self.clients.pop(number).lost()

    def taken(self, number: int, text: bytes) -> None:
        """A client has taken what it was sent."""
        self.clients[number].taken()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The worker is gone, and all of its clients with it."""
        self.transport = None
        self._told.clear()
        for client in self.clients.values():
            client.lost()

    def pauseProducing(self) -> None:
        """The worker does not take what it is told: do no more of what it says."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """It does again."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The link is lost: C{connectionLost} does what there is to do."""


_SAID: dict[int, Callable[[Link, int, bytes], None]] = {
    frames.OPENED: Link.opened,
    frames.EOF: Link.ended,
    frames.CLOSED: Link.closed,
    frames.ACK: Link.taken,
    frames.PONG: lambda link, number, text: link.place.pong(json.loads(text)),
    frames.FINISHED: lambda link, number, text: link.place.finished(),
}


class _Child(ProcessProtocol):
    """The process at a worker's place: what it writes goes into the log."""

    def __init__(self, place: WorkerSlot) -> None:
        self._place = place

    def errReceived(self, data: bytes) -> None:
        """It has something to say to people."""
        self._place.note(data.decode("utf-8", "replace"))

    outReceived = errReceived

    def processEnded(self, reason: Failure) -> None:
        """It has ended."""
        self._place.ended(reason)


@implementer(IWorker)
class WorkerSlot:
    """
    A worker's place: a process works there, and when it ends another takes its place.

    @param hire: starts a process, with the end of a link for it: called with its protocol, the number of this place,
        and that end.
    """

    def __init__(self, reactor: Any, mode: WorkersMode, number: int, hire: Callable[..., Any]) -> None:
        self._reactor = reactor
        self._mode = mode
        self._hire = hire
        self.number = number
        self.pid = 0
        self.restarts = -1
        self.cpu_seconds = 0.0
        self.resident = self.lag_ns = self.received = self.sent = 0
        self.batches: list[int] = []
        self.busy = False  # whether it may have something to say that must be waited for
        self._link: Link | None = None
        self._process: Any = None
        self._silent = 0
        self._pause = FIRST_PAUSE
        self._started = 0.0
        self._stopping = False

    @property
    def clients(self) -> int:
        """How many clients it has."""
        return len(self._link.clients) if self._link is not None else 0

    def start(self) -> None:
        """Let a process work here."""
        if self._stopping:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = self._hire(_Child(self), self.number, theirs.fileno())
        self.pid = self._process.pid
        self.restarts += 1
        self._started = self._reactor.seconds()
        self._silent = 0
        self._link = link = Link(self._mode.server, self)
        link.makeConnection(LinkTransport(ours, link, self._mode.watcher))
        link.transport.registerProducer(link, True)
        self.say(frames.BEGIN, self._mode.endpoints)

    def say(self, kind: int, text: bytes = b"") -> None:
        """Tell the process something, at once."""
        if self._link is not None:
            self._link.outbox.say(kind, 0, text)
            self._link.flush()

    def go_on(self) -> None:
        """Do what is left of what it has said."""
        if self._link is not None:
            self._link.go_on()

    def flush(self) -> None:
        """Say what there is to be said about its clients."""
        if self._link is not None:
            self._link.flush()

    def note(self, text: str) -> None:
        """Write what the process wants people to read."""
        _place_log.warn("worker {number}: {text}", number=self.number, text=text.rstrip("\n"))

    def look(self) -> None:
        """Ask whether it is alive; end it if it has not answered for long."""
        if self._process is None:
            return
        if self._silent >= MAX_MISSED_PINGS:
            _place_log.error("worker {number} is unresponsive; killing it", number=self.number)
            self.kill()
        self._silent += 1
        self.say(frames.PING)

    def pong(self, costs: dict[str, Any]) -> None:
        """It is alive, and says what it costs."""
        self._silent = 0
        self.cpu_seconds, self.resident = costs["cpu_seconds"], costs["resident"]
        self.lag_ns, self.batches = costs["lag_ns"], costs["batches"]

    def finish(self) -> None:
        """Ask it to accept no more, and to say what has come."""
        self._stopping = True
        self.busy = self._process is not None
        self.say(frames.FINISH)

    def finished(self) -> None:
        """It has said what had come."""
        self.busy = False

    def leave(self) -> None:
        """Close the link, which ends it."""
        if self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()

    def ended(self, reason: Failure) -> None:
        """The process has ended: its clients are gone, and another is started soon, unless that is what was wanted."""
        link, self._link, self._process, self.busy = self._link, None, None, False
        if link is not None and link.transport is not None:
            link.transport.abortConnection()
        if self._stopping:
            return
        lived = self._reactor.seconds() - self._started
        self._pause = FIRST_PAUSE if lived > SOON else min(2 * self._pause, LONGEST_PAUSE)
        _place_log.error(
            "worker {number} exited ({reason}); {clients} clients disconnected; restarting in {pause} s",
            number=self.number, reason=reason.getErrorMessage(), clients=len(link.clients) if link else 0,
            pause=self._pause,
        )  # fmt: skip
        self._reactor.callLater(self._pause, self.start)

    @property
    def alive(self) -> bool:
        """Whether its process has not ended."""
        return self._process is not None

    def kill(self) -> None:
        """End the process at once, if it has not ended by now."""
        if self._process is not None:
            try:
                self._process.signalProcess("KILL")
            except ProcessExitedAlready:
                pass


@implementer(IMode)
class WorkersMode:
    """
    v3: workers in front of the owner of the data, which this process is.

    @param spawn: starts a process, as C{IReactorProcess.spawnProcess}; the reactor's, if it is not another.
    @ivar watcher: of the links to the workers.
    """

    name = "v3"

    @property
    def details(self) -> str:
        """The number of workers."""
        number = len(self._places)
        return f"{number} worker{'s' * (number > 1)}"

    def __init__(self, reactor: Any, server: Server, spawn: Callable[..., Any] | None = None) -> None:
        self._reactor = reactor
        self._spawn = spawn or reactor.spawnProcess
        self.server = server
        self._waker = Waker(reactor, server, lambda: self.call(server.fire))
        self._ports: list[tuple[str, bool, SharedPort]] = []
        self.watcher = Watcher(reactor, self.commit)
        self._places = [WorkerSlot(reactor, self, number, self._hire) for number in range(server.config["workers"])]
        self._repeated = Repeated(lambda text: _place_log.error("{text}", text=text))
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Begin to watch the links; the workers are started with the reactor."""
        server = self.server
        server.timers.wake = self._waker.wake
        server.serve_others = self._serve_others
        server.workers = self._places
        self.watcher.start()
        self._listener = SharingListener(self._reactor, len(self._places), server.config["tcp-keepalive"])
        server.keep_alive = self._listener.keep_alive
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        for place in self._places:
            place.start()
        self._looking.start(PING, now=False)

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        """Bind what an endpoint says, for the workers to listen on."""
        listening = self._listener.listen(endpoint, _NeverAccepts())

        def share(port: SharedPort) -> SharedPort:
            self._ports.append((endpoint, reserved, port))
            return port

        return listening.addCallback(share)

    @property
    def endpoints(self) -> bytes:
        """What a worker is to listen on, as it is told."""
        return json.dumps([(endpoint, reserved) for endpoint, reserved, _ in self._ports]).encode()

    def _hire(self, child: ProcessProtocol, number: int, link: int) -> Any:
        """Start a worker's process."""
        descriptors = [port.descriptor(number) for _, _, port in self._ports]
        files = {0: "w", 1: "r", 2: "r", **dict(enumerate([link, *descriptors], 3))}
        argv = [sys.executable, "-m", str(__package__), str(number)]
        return self._spawn(child, sys.executable, argv, env=_environment(), childFDs=files)

    def call(self, function: Callable[[], None]) -> None:
        """Call what changes something in the server, or sends."""
        function()
        self.commit()

    def commit(self) -> None:
        """Write what was recorded, all of it at once, then say to the workers what their clients are answered."""
        if self.server.uncommitted:
            self.server.persistence.commit()
        for place in self._places:
            place.flush()

    def _serve_others(self) -> None:
        """Called in the middle of what a worker has said."""
        for place in self._places:
            place.go_on()
        self.watcher.serve(0)

    def _look(self) -> None:
        for place in self._places:
            self._repeated.run(f"Looking after worker {place.number}", place.look)

    async def stop(self, grace: float) -> None:
        """
        Answer what has come, then close every connection and end the workers.

        @param grace: seconds after which who still does not take its replies is cut off.
        """
        if self._looking.running:
            self._looking.stop()
        for place in self._places:
            place.finish()
        await wait_while(self._reactor, lambda: any(place.busy for place in self._places), DRAIN_TIMEOUT_S)
        self._close_all()
        await wait_while(self._reactor, lambda: self.server.sessions, grace)
        self._close_all()
        await deferLater(self._reactor, POLL)
        await self._end_workers()
        self._waker.stop()
        self.watcher.stop()

    async def _end_workers(self) -> None:
        for end in (WorkerSlot.leave, WorkerSlot.kill):
            for place in self._places:
                end(place)
            await wait_while(self._reactor, lambda: any(place.alive for place in self._places), EXIT_TIMEOUT_S)

    def _close_all(self) -> None:
        """Ask every client to go; the second time, those who lingered are cut off."""
        for session in list(self.server.sessions.values()):
            session.connection.close()
        self.commit()


class _NeverAccepts(Factory):
    """What the owner listens for: it never accepts."""

    noisy = False


def _environment() -> dict[str, str]:
    """The environment of a worker, in which it finds this package wherever it was started from."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
