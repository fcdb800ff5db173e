"""
The data process's side of a client whose socket a worker holds: a transport over the link, and the client's protocol.

Backpressure crosses the link as a window with acknowledgements. After L{ACK_INTERVAL_BYTES} the transport requests an
acknowledgement, which the worker sends when the client has read the data before the request. If L{MAX_UNACKED_BYTES}
more are sent before it arrives, the transport pauses its producer, the client's protocol.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tseep.modes.client_protocol import ClientProtocol
from tseep.modes.workers import frames

if TYPE_CHECKING:
    from tseep.modes.workers.frames import Outbox
    from tseep.server.server import Server

ACK_INTERVAL_BYTES = 128 * 1024
"""Bytes sent to a client after which its worker must send an acknowledgement."""

MAX_UNACKED_BYTES = 256 * 1024
"""Bytes sent beyond those before the client is paused. A single reply may exceed it."""

_EOF = b""
"""Stands for EOF in the unread data of a client. Workers send no empty BYTES frame."""


class RemoteTransport:
    """
    The transport of one client: it writes frames to the outbox of the link.

    @ivar peer: the client's address, C{host}: the address that it connected to, C{worker}: the number of its worker.
    @ivar protocol: the client's; None once the connection is lost.
    @ivar reading: whether the protocol accepts data now. If not, data must be given to L{keep}.
    """

    __slots__ = (
        "protocol", "reading", "peer", "host", "worker", "_fileno", "_outbox", "_number", "_producer", "_paused",
        "_disconnecting", "_unread", "_sent", "_unacked", "_ack_requested", "_window_full",
    )  # fmt: skip

    def __init__(self, outbox: Outbox, worker: int, number: int, peer: str, host: str, fileno: int) -> None:
        self.peer = peer
        self.host = host
        self.worker = worker
        self.protocol: RemoteProtocol | None = None
        self.reading = True
        self._fileno = fileno
        self._outbox = outbox
        self._number = number
        self._producer: ClientProtocol | None = None
        self._paused = False
        self._disconnecting = False
        self._unread: deque[bytes] | None = None  # received while not reading
        self._sent = 0  # bytes since the last request for an acknowledgement
        self._unacked = 0  # bytes before that request
        self._ack_requested = False
        self._window_full = False

    def connect(self, protocol: RemoteProtocol) -> None:
        """Make the connection of a new client."""
        self.protocol = protocol
        protocol.makeConnection(self)

    def fileno(self) -> int:
        """The number of the socket in the worker."""
        return self._fileno

    # From the client

    def keep(self, data: bytes) -> None:
        """Keep data for the protocol until it resumes reading; discard them if the connection is closing."""
        if not self._disconnecting:
            if self._unread is None:
                self._unread = deque()
            self._unread.append(data)

    def eof_received(self) -> None:
        """Close the connection when the data before the EOF are answered, or at once if nothing is pending."""
        if self._unread or (self.protocol is not None and self.protocol.pending):
            self.keep(_EOF)
        else:
            self._finish()

    def _finish(self) -> None:
        if self.protocol is not None:
            self.protocol.readConnectionLost()
        self.connection_lost()

    def connection_lost(self) -> None:
        """Disconnect the protocol. Further calls have no effect."""
        self._disconnect()
        protocol, self.protocol, self._producer = self.protocol, None, None
        if protocol is not None:
            protocol.connectionLost()

    def acked(self) -> None:
        """The client has read what was sent before the request for this acknowledgement."""
        self._ack_requested = False
        self._unacked = 0
        was_full, self._window_full = self._window_full, False
        if self._producer is None:
            return
        if self._sent >= ACK_INTERVAL_BYTES:
            self._request_ack(self._producer)
        if was_full and not self._window_full:
            self._producer.resumeProducing()

    # To the client

    def write(self, data: bytes) -> None:
        """Send data, and pause the producer if the window is full."""
        if not data:
            return
        self._outbox.add_data(self._number, data)
        self._sent += len(data)
        if self._sent >= ACK_INTERVAL_BYTES and self._producer is not None:
            self._request_ack(self._producer)

    def _request_ack(self, producer: ClientProtocol) -> None:
        if not self._ack_requested:
            self._ack_requested = True
            self._unacked, self._sent = self._sent, 0
            self._outbox.add_frame(frames.ACK_REQUEST, self._number)
        self._window_full = self._unacked + self._sent >= ACK_INTERVAL_BYTES + MAX_UNACKED_BYTES
        if self._window_full:
            producer.pauseProducing()
        else:
            producer.check_output()

    @property
    def unsent(self) -> int:
        """
        Bytes that the client is known not to have read: those sent since a request that is not acknowledged yet, which
        for most clients is on its way; all bytes once the window is full.
        """
        if self._window_full:
            return self._unacked + self._sent
        return self._sent if self._ack_requested else 0

    def registerProducer(self, producer: ClientProtocol, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        """End the flow control: everything that is written now is sent."""
        self._producer = None

    def pauseProducing(self) -> None:
        self._paused = True
        self.reading = False

    def resumeProducing(self) -> None:
        """
        Pass the unread data to the protocol, then read again.

        A long script in these data makes the link process further frames. New data of this client are kept during
        this, so that they do not overtake the unread ones.
        """
        self._paused = self._disconnecting
        while self._unread and not self._paused and self.protocol is not None:
            data = self._unread.popleft()
            if data is _EOF:
                self._finish()
            else:
                self.protocol.dataReceived(data)
        self.reading = not self._paused

    def close(self) -> None:
        """Close the connection, by its protocol as long as there is one."""
        if self.protocol is not None:
            self.protocol.close()

    def loseConnection(self) -> None:
        """Have the worker close the connection when the client has read all data."""
        self._disconnect()
        self._outbox.add_frame(frames.CLOSE, self._number)

    def abortConnection(self) -> None:
        """Have the worker close the connection at once."""
        self._disconnect()
        self._outbox.add_frame(frames.ABORT, self._number)

    def _disconnect(self) -> None:
        self._disconnecting = self._paused = True
        self.reading = False
        self._unread = None


class RemoteProtocol(ClientProtocol):
    """The protocol of a client whose socket a worker holds."""

    __slots__ = ()

    def __init__(self, server: Server, reserved: bool) -> None:
        super().__init__(server, _OPEN_GATE, reserved)

    @property
    def peer(self) -> str:
        return self.transport.peer

    @property
    def host(self) -> str:
        return self.transport.host

    @property
    def worker(self) -> int:
        return self.transport.worker

    @property
    def pending(self) -> bool:
        """True if commands of the client wait until it has read its output."""
        return self._session is not None and self._session.pending_commands is not None

    def readConnectionLost(self) -> None:
        """Send the held output and close: the client has sent EOF."""
        if not self._leaving:
            self._leave()


class _OpenGate:
    """The gate of all clients: the outbox of a link is flushed after the commit, so that no output need be held."""

    uncommitted = False


_OPEN_GATE = _OpenGate()
