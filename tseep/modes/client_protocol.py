"""The protocol of a client in v2 and v3: its session on one side, its transport on the other."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tseep.interfaces import IConnection
from tseep.net import address
from tseep.net.transport import buffered, descriptor, prepare

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session


class Gate(typing.Protocol):
    """The condition under which output is held: in v2 the server, while a write is not committed."""

    uncommitted: bool


@implementer(IPushProducer, IConnection)
class ClientProtocol(Protocol):
    """
    One client: its bytes go to a L{Session <tseep.session.session.Session>}, the replies to its transport.

    The protocol is the producer of its own transport. While the transport has paused it (backpressure), no bytes are
    read from the client, none of its pending commands run, and messages from other clients are held.

    Output is also held while C{gate.uncommitted} is true, until L{release}: no client must see a write that the
    append-only file does not have yet.

    @param reserved: see L{IMode.listen <tseep.interfaces.IMode.listen>}.
    """

    __slots__ = (
        "transport", "connected", "_server", "_gate", "_reserved", "_session", "_paused", "_leaving", "_held",
        "_held_bytes",
    )  # fmt: skip

    transport: Any
    connected: int

    def __init__(self, server: Server, gate: Gate, reserved: bool) -> None:
        self._server = server
        self._gate = gate
        self._reserved = reserved
        self._session: Session | None = None
        self._paused = False
        self._leaving = False  # no more input is accepted: refused, closing or disconnected
        self._held: list[bytes] | None = None  # output that the transport must not have yet
        self._held_bytes = 0

    @property
    def peer(self) -> str:
        return address.show(self.transport.getPeer())

    @property
    def host(self) -> str:
        return address.show(self.transport.getHost())

    @property
    def worker(self) -> int | None:
        return None

    @property
    def fileno(self) -> int:
        """The number of the socket; -1 if another protocol (TLS, PROXY) wraps the transport."""
        return descriptor(self.transport)

    @property
    def awaited(self) -> int:
        """Bytes of an incomplete argument that may be read at once; 0 if there is none, or the client is paused."""
        session = self._session
        return 0 if session is None or self._paused or self._leaving else session.awaited

    def connectionMade(self) -> None:
        """Begin the session, unless a PROXY header must come first: it has the address of the client."""
        if prepare(self.transport):
            self._begin()

    def _begin(self) -> Session | None:
        """Return the new session; None if the server refuses the client, which then gets the error and is closed."""
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
        """Every request of v2 and v3 passes here: mind the cost of each line."""
        session = self._session
        if session is None:
            session = None if self._leaving else self._begin()
            if session is None:
                return
        replies = session.receive(data)
        if self._paused or self._gate.uncommitted:
            self.send(replies)
        else:
            self.transport.write(replies)
        if session.closing or session.pending_commands is not None:
            self._go_on(session)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._leaving = True
        if self._session is not None:
            self._server.disconnect(self._session)
            self._session = None

    def _go_on(self, session: Session) -> None:
        """
        Run pending commands until output is held, then close the connection if the session is closing.

        A closing session ends at once if it has no unsent output, so that CLIENT LIST and PUBSUB do not show a client
        that has read the reply to QUIT.
        """
        while session.pending_commands is not None and not self._paused and self._held is None:
            self.send(session.resume())
        if self._held is not None and (not self._paused or self._gate.uncommitted):
            return  # release comes back here
        if session.closing and not self._leaving:
            self._leave()
            if not self.unsent:
                self._server.disconnect(session)

    def _leave(self) -> None:
        """Close the connection once the client has read its output."""
        self._leaving = True
        self.transport.unregisterProducer()
        if self._held is not None and not self._gate.uncommitted:
            self._write_held()
        self.transport.loseConnection()

    def send(self, data: bytes) -> int:
        if not self._paused and self._held is None and not self._gate.uncommitted:
            self.transport.write(data)
            return 0
        if self._held is None:
            self._held = []
            if not self._paused:
                self._await_commit()
        self._held.append(data)
        self._held_bytes += len(data)
        return self.unsent if self._paused else self._held_bytes

    def _await_commit(self) -> None:
        """Have L{release} called after the next commit."""
        raise NotImplementedError

    def release(self) -> None:
        """Write the held output and run pending commands, unless the client is paused."""
        if not self._paused:
            self.flush()
            self.proceed()

    def flush(self) -> None:
        """Write the held output; after the next commit if one is due, and later if the client is paused."""
        if self._held is not None and not self._paused:
            if self._gate.uncommitted:
                self._await_commit()
            else:
                self._write_held()

    def proceed(self) -> None:
        """Run pending commands and read on, unless output is held."""
        session = self._session
        if session is not None and self._held is None:
            self._go_on(session)
            if not self._paused and not session.closing:
                self.transport.resumeProducing()

    def _write_held(self) -> None:
        held, self._held, self._held_bytes = b"".join(self._held or ()), None, 0
        self.transport.write(held)  # the transport may pause the protocol here

    def read_on(self) -> None:
        pass

    def resume(self) -> None:
        if self._session is not None:
            self._go_on(self._session)

    @property
    def lost(self) -> bool:
        """Whether the socket is closed, or was never a client's."""
        return self._session is None

    @property
    def unsent(self) -> int:
        """Bytes of output that are held here or buffered in the transport."""
        return self._held_bytes + buffered(self.transport)

    def close(self) -> None:
        """Close once the output is sent; at once if the client does not read, or on the second call."""
        if self._paused or self._leaving:
            self._leaving = True
            self.transport.abortConnection()
        else:
            self._leave()

    def check_output(self) -> None:
        """Close the client if its output is over C{client-output-buffer-limit}."""
        if self._session is not None:
            self._server.outputs.check(self._session, self.unsent)

    def pauseProducing(self) -> None:
        self._paused = True
        self.transport.pauseProducing()
        self.check_output()

    def resumeProducing(self) -> None:
        self._paused = False
        self.release()

    def stopProducing(self) -> None:
        """Do nothing: the transport calls C{connectionLost}, too."""
