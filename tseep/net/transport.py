"""Twisted transports that send at once, and functions on transports."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.main import CONNECTION_DONE
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper  # which has no public name


def prepare(transport: Any) -> bool:
    """
    Disable Nagle's algorithm (TCP_NODELAY) for a new client.

    @return: whether the client's address is known. Behind a proxy it is not, until the PROXY header has arrived.
    """
    if ITCPTransport.providedBy(transport):
        transport.setTcpNoDelay(True)
    return not isinstance(transport, HAProxyProtocolWrapper)


ARGUMENT_READ_SIZE = 1024 * 1024
"""Maximum bytes of a read that continues a large argument."""


def descriptor(transport: Any) -> int:
    """Return the number of a transport's socket; -1 if another protocol (TLS, PROXY) wraps the transport."""
    handle = getattr(transport, "fileno", None)
    return int(handle()) if handle is not None else -1


def buffered(transport: Any) -> int:
    """Return the unsent bytes of a transport, under the protocols (TLS, PROXY) that wrap it."""
    while hasattr(transport, "transport"):
        transport = transport.transport
    return getattr(transport, "unsent", 0)


class WriteAtOnce:
    """
    A mixin for stream transports: C{write} calls C{send} first.

    The inherited C{write} queues what the socket does not accept, and handles errors, so that producers, half-close
    and abort are Twisted's. The usual reply costs one C{send} instead of two C{epoll_ctl} and a reactor iteration.
    """

    read_size = 16 * 1024
    """Maximum bytes of one read."""

    unsent = 0
    """Bytes that are queued because the socket has not accepted them yet."""

    _idle = True  # whether the queue is empty and the connection is not closing

    def doRead(self: Any) -> Any:
        """Pass on what one C{recv} returns. Errors are left to Twisted's C{doRead}."""
        try:
            data = self.socket.recv(self.read_size)
        except OSError:
            return super().doRead()  # type: ignore[misc]
        if not data:
            return CONNECTION_DONE
        self.protocol.dataReceived(data)
        if len(data) == self.read_size:
            self._read_argument()
        return None

    def _read_argument(self: Any) -> None:
        """Read what has arrived of an argument that is larger than a read, so that it does not take many events."""
        awaited = getattr(self.protocol, "awaited", 0)  # other protocols (TLS, PROXY) have none
        if awaited:
            try:
                data = self.socket.recv(min(awaited, ARGUMENT_READ_SIZE))
            except OSError:
                return  # nothing has arrived, or the next read meets the error again
            if data:
                self.protocol.dataReceived(data)

    def write(self: Any, data: bytes) -> None:
        """Send what the socket accepts and queue the rest."""
        sent = 0
        if self._idle:
            try:
                sent = self.socket.send(data)
            except OSError:
                pass  # the inherited write meets the error again and handles it
            if sent == len(data):
                return
        self.unsent += len(data) - sent  # before the producer is paused, which reads it
        super().write(data[sent:])  # type: ignore[misc]

    def writeSequence(self: Any, iovec: Iterable[bytes]) -> None:
        self.write(b"".join(iovec))

    def writeSomeData(self: Any, data: bytes) -> Any:
        """Send from the queue, as L{tcp.Connection.writeSomeData} does, and count it."""
        sent = super().writeSomeData(data)  # type: ignore[misc]
        if isinstance(sent, int):
            self.unsent -= sent
        return sent

    def startWriting(self: Any) -> None:
        """Called when data are queued, or C{loseConnection} is."""
        self._idle = False
        super().startWriting()  # type: ignore[misc]

    def stopWriting(self: Any) -> None:
        """Called when the queue is empty."""
        super().stopWriting()  # type: ignore[misc]
        self._idle = self.connected


class TCPTransport(WriteAtOnce, tcp.Server):
    """A client's TCP connection that sends at once."""


class UNIXTransport(WriteAtOnce, unix.Server):
    """A client's Unix socket connection that sends at once."""


class LinkTransport(WriteAtOnce, tcp.Connection):
    """One end of the socket pair between a worker and the owner."""

    read_size = 256 * 1024
    bufferSize = 1024 * 1024
    """Queued bytes above which the producer is paused."""

    def __init__(self, link: socket.socket, protocol: Any, reactor: Any) -> None:
        super().__init__(link, protocol, reactor)
        self.connected = 1
        self.startReading()
