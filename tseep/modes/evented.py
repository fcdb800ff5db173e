"""
v2: Protocol and Factory, on a watcher that epoll wakes.

Two things make it fast. A transport writes at once instead of asking epoll when it may
(L{WriteAtOnce <tseep.net.transport.WriteAtOnce>}); and the reactor's cost of an event is paid once for a batch of
clients (L{Watcher <tseep.net.watcher.Watcher>}).
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from tseep.interfaces import IConnection, IMode
from tseep.modes.shutdown import POLL, wait_while
from tseep.modes.waker import Waker
from tseep.net import address
from tseep.net.listener import Listener
from tseep.net.transport import TCPTransport, UNIXTransport, descriptor, prepare
from tseep.net.watcher import Watcher

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.server.server import Server
    from tseep.session.session import Session

DRAIN_TIMEOUT_S = 2.0
"""Seconds that are spent at most on requests that had come when the server was told to stop."""


@implementer(IPushProducer, IConnection)
class EventedProtocol(Protocol):
    """
    One client: gives its bytes to a session and the replies to the transport.

    It is its transport's producer too: while the client does not take its replies, nothing more is read from it
    and no more of its commands are run. What is answered before it is on the disk, as far as that was asked for, is
    held back until the mode calls L{release}.
    """

    __slots__ = (
        "transport", "connected", "_mode", "_server", "_reserved", "_session", "_paused", "_leaving", "_held",
        "_held_bytes",
    )  # fmt: skip

    transport: Any
    connected: int
    worker = None

    def __init__(self, mode: EventedMode, reserved: bool) -> None:
        self._mode = mode
        self._server = mode.server
        self._reserved = reserved
        self._session: Session | None = None
        self._paused = False
        self._leaving = False
        self._held: list[bytes] | None = None  # what is not given to the transport yet
        self._held_bytes = 0

    @property
    def peer(self) -> str:
        """The client's address."""
        return address.show(self.transport.getPeer())

    @property
    def host(self) -> str:
        """The address that it connected to."""
        return address.show(self.transport.getHost())

    @property
    def fileno(self) -> int:
        """The socket's number; -1 where something stands between."""
        return descriptor(self.transport)

    def connectionMade(self) -> None:
        """A client has come. One that came through a proxy is known only when the proxy has said who it is."""
        if prepare(self.transport):
            self._begin()

    def _begin(self) -> Session | None:
        """Begin a session, unless the client is one too many, or may not come."""
        session = self._server.connect(self, self._reserved)
        if isinstance(session, bytes):
            self._leaving = True
            self.transport.write(session)
            self.transport.loseConnection()
            return None
        self._session = session
        self.transport.registerProducer(self, True)
        return session

    def dataReceived(self, data: bytes) -> None:
        """Answer what the client sent."""
        session = self._session
        if session is None:
            session = None if self._leaving else self._begin()
            if session is None:
                return
        replies = session.receive(data)
        if self._paused or self._server.uncommitted:
            self.send(replies)
        else:
            self.transport.write(replies)
        if session.closing or session.waiting is not None:
            self._go_on(session)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone."""
        self._leaving = True
        if self._session is not None:
            self._server.disconnect(self._session)
            self._session = None

    def _go_on(self, session: Session) -> None:
        """Answer what is left, as long as the client takes it; let it go if that is what is next."""
        while session.waiting is not None and not self._paused and self._held is None:
            self.send(session.resume())
        if session.closing and (self._paused or self._held is None):
            self._leave()

    def _leave(self) -> None:
        """Send what was answered, then close."""
        self._leaving = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def send(self, data: bytes) -> int:
        """Send, or keep until the client takes what it has; return how many bytes are kept."""
        if not self._paused and self._held is None and not self._server.uncommitted:
            self.transport.write(data)
            return 0
        if self._held is None:
            self._held = []
            self._mode.hold(self)
        self._held.append(data)
        self._held_bytes += len(data)
        return self.unsent if self._paused else self._held_bytes

    def resume(self) -> None:
        """Go on with what the client has said."""
        if self._session is not None:
            self._go_on(self._session)

    @property
    def unsent(self) -> int:
        """Bytes that the client has not taken yet."""
        return self._held_bytes + _buffered(self.transport)

    def close(self) -> None:
        """Close, without the replies of one who does not take them."""
        if self._paused or self._leaving:
            self.transport.abortConnection()
        else:
            self._leave()

    def pauseProducing(self) -> None:
        """The client does not take its replies: read no more from it."""
        self._paused = True
        self.transport.pauseProducing()
        if self._session is not None:
            self._server.outputs.check(self._session, self.unsent)

    def resumeProducing(self) -> None:
        """The client has taken its replies."""
        self._paused = False
        self.release()

    def release(self) -> None:
        """Go on with what was held back, if the client takes it."""
        if self._paused:
            return
        session = self._session
        if self._held is not None:
            held, self._held, self._held_bytes = b"".join(self._held), None, 0
            self.transport.write(held)  # which may pause at once
        if session is not None:
            self._go_on(session)
            if not self._paused and not session.closing:
                self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost: C{connectionLost} does what there is to do."""


def _buffered(transport: Any) -> int:
    """Bytes that wait in a transport of Twisted's, under whatever lies above it."""
    while hasattr(transport, "transport"):
        transport = transport.transport
    kept = getattr(transport, "_tempDataLen", 0) + len(getattr(transport, "dataBuffer", b""))
    return kept - getattr(transport, "offset", 0)


class EventedFactory(Factory):
    """
    Makes a protocol for each client of one mode.

    @param reserved: whether there is room for them even if there are too many others.
    """

    noisy = False

    def __init__(self, mode: EventedMode, reserved: bool = False) -> None:
        self._mode = mode
        self._reserved = reserved

    def buildProtocol(self, addr: Any) -> EventedProtocol:
        """A protocol for the client at C{addr}."""
        return EventedProtocol(self._mode, self._reserved)


@implementer(IMode)
class EventedMode:
    """
    v2: one watcher for all clients.

    Where the platform has no epoll the reactor serves in the watcher's place.

    @ivar server: whose clients these are.
    """

    name = "v2"
    details = ""

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self.server = server
        self._watcher: Watcher | None = None
        self._waker = Waker(reactor, server, lambda: self.call(server.fire))
        self._holding: list[EventedProtocol] = []

    def start(self) -> None:
        """Begin to watch."""
        self.server.timers.wake = self._waker.wake
        self.server.serve_others = self._serve_others
        if hasattr(select, "epoll"):
            self._watcher = Watcher(self._reactor, self.commit)
            self._watcher.start()
            self.server.batches = self._watcher.batches
        keepalive = self.server.config["tcp-keepalive"]
        self._listener = Listener(self._watcher or self._reactor, TCPTransport, UNIXTransport, keepalive)
        self.server.keep_alive = self._listener.keep_alive

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        """Listen for clients on an endpoint."""
        return self._listener.listen(endpoint, EventedFactory(self, reserved))

    def call(self, function: Callable[[], None]) -> None:
        """Call what changes something in the server, or sends."""
        function()
        self.commit()

    def hold(self, protocol: EventedProtocol) -> None:
        """Let a client go on when all that was recorded is written: at the end of the batch."""
        self._holding.append(protocol)
        if self._watcher is None:
            self._reactor.callLater(0, self.commit)

    def commit(self) -> None:
        """Write what was recorded, all of it at once, then let go what was held back for that."""
        while self.server.uncommitted or self._holding:
            if self.server.uncommitted:
                self.server.persistence.commit()
            holding, self._holding = self._holding, []
            for protocol in holding:
                protocol.release()

    def _serve_others(self) -> None:
        if self._watcher is not None:
            self._watcher.serve(0)
        else:
            self._reactor.doIteration(0)

    async def stop(self, grace: float) -> None:
        """
        Answer what has come, then close every connection.

        @param grace: seconds after which who still does not take its replies is cut off.
        """
        if self._watcher is not None:
            self._watcher.serve(DRAIN_TIMEOUT_S)
        self.commit()
        self._close_all()
        await wait_while(self._reactor, lambda: self.server.sessions, grace)
        self._close_all()
        await deferLater(self._reactor, POLL)
        self._waker.stop()
        if self._watcher is not None:
            self._watcher.stop()

    def _close_all(self) -> None:
        """Ask every client to go; the second time, those who lingered are cut off."""
        for session in list(self.server.sessions.values()):
            session.connection.close()
