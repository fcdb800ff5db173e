"""
v2: Twisted protocols in one thread, woken by an epoll watcher.

Two things make it fast. A transport sends at once instead of waiting for writability
(L{WriteAtOnce <tseep.net.transport.WriteAtOnce>}), and the reactor's cost of an event is paid once for a batch of
clients (L{Watcher <tseep.net.watcher.Watcher>}).
"""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet.task import deferLater
from zope.interface import implementer

from tseep.interfaces import IMode
from tseep.modes.client_protocol import ClientProtocol
from tseep.modes.shutdown import POLL_INTERVAL_S, wait_while
from tseep.modes.waker import Waker
from tseep.net.listener import ClientFactory, Listener, close_now
from tseep.net.transport import TCPTransport, UNIXTransport
from tseep.net.watcher import Watcher

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from tseep.server.server import Server

DRAIN_TIMEOUT_S = 2.0
"""Maximum seconds spent at shutdown on requests that have already arrived."""


class EventedProtocol(ClientProtocol):
    """The protocol of a client of v2: while C{Server.uncommitted} is true its output is held for the mode's commit."""

    __slots__ = ("_mode",)

    def __init__(self, mode: EventedMode, reserved: bool) -> None:
        super().__init__(mode.server, mode.server, reserved)
        self._mode = mode

    def _await_commit(self) -> None:
        self._mode.release_after_commit(self)


@implementer(IMode)
class EventedMode:
    """
    v2: one L{Watcher} for all clients. Where the platform has no epoll, the reactor itself serves them.
    """

    name = "v2"
    details = ""

    def __init__(self, reactor: Any, server: Server) -> None:
        self._reactor = reactor
        self.server = server
        self._watcher: Watcher | None = None
        self._waker = Waker(reactor, server, lambda: self.call(server.fire))
        self._awaiting_commit: list[EventedProtocol] = []

    def start(self) -> None:
        """Begin to watch the clients' sockets."""
        if hasattr(select, "epoll"):
            self._watcher = Watcher(self._reactor, self.commit)
            self._watcher.start()
            self.server.ready_batch_histogram = self._watcher.batches
        config, reactor = self.server.config, self._watcher or self._reactor
        self._listener = Listener(reactor, TCPTransport, UNIXTransport, config["tcp-keepalive"], config["tcp-backlog"])
        self.server.host.attach(self)

    def listen(self, endpoint: str, reserved: bool = False) -> Deferred[Any]:
        return self._listener.listen(endpoint, ClientFactory(lambda _: EventedProtocol(self, reserved)))

    def close_port(self, port: Any) -> None:
        close_now(port)

    def call(self, function: Callable[[], None]) -> None:
        """Call a function that changes the server's state or sends to clients, then commit."""
        function()
        self.commit()

    def release_after_commit(self, protocol: EventedProtocol) -> None:
        """Call C{protocol.release} after the next commit, which ends the batch."""
        self._awaiting_commit.append(protocol)
        if self._watcher is None:
            self._reactor.callLater(0, self.commit)

    def commit(self) -> None:
        """
        Write what was recorded to the append-only file, in one write, then release the output that was held for it.

        All clients get their output before one of them proceeds: a long script among the pending commands serves other
        clients, whose new replies must follow the held ones. The effects of these commands are committed in turn.
        """
        while self.server.uncommitted or self._awaiting_commit:
            if self.server.uncommitted:
                self.server.persistence.commit()
            protocols, self._awaiting_commit = self._awaiting_commit, []
            for protocol in protocols:
                protocol.flush()
            for protocol in protocols:
                protocol.proceed()

    def serve_clients(self, seconds: float = 0) -> None:
        if self._watcher is not None:
            self._watcher.serve(0, seconds)
        else:
            self._reactor.doIteration(seconds)

    def set_keepalive(self, seconds: int) -> None:
        self._listener.keep_alive(seconds)

    def wake(self, when: int) -> None:
        self._waker.wake(when)

    async def stop(self, grace: float) -> None:
        """
        Answer what has arrived, then close every connection.

        @param grace: seconds that clients have to read their replies before their connections are aborted.
        """
        if self._watcher is not None:
            self._watcher.serve(DRAIN_TIMEOUT_S)
        self.commit()
        self._close_all()
        await wait_while(self._reactor, lambda: self.server.sessions, grace)
        self._close_all()
        await deferLater(self._reactor, POLL_INTERVAL_S)
        self._waker.stop()
        if self._watcher is not None:
            self._watcher.stop()

    def _close_all(self) -> None:
        """Close all connections. On the second call, abort those that are still open."""
        for session in list(self.server.sessions.values()):
            session.connection.close()
