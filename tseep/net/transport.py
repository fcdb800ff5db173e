"""Transports of Twisted's that write at once, and what is asked of any transport."""

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
    Make a new client's transport ready.

    @return: whether it is known who the client is: one that came through a proxy is, when the proxy has said it.
    """
    if ITCPTransport.providedBy(transport):
        transport.setTcpNoDelay(True)
    return not isinstance(transport, HAProxyProtocolWrapper)


def descriptor(transport: Any) -> int:
    """The number of a transport's socket; -1 where something stands between."""
    handle = getattr(transport, "fileno", None)
    return int(handle()) if handle is not None else -1


def buffered(transport: Any) -> int:
    """Bytes that wait in a transport of this module, under the protocols (TLS, PROXY) that wrap it."""
    while hasattr(transport, "transport"):
        transport = transport.transport
    return getattr(transport, "unsent", 0)


class WriteAtOnce:
    """
    A mixin for stream transports: a write tries the socket first.

    What the socket does not take goes the inherited way, into the buffer, and so do errors, so that producers,
    half-close and abort behave as ever. The usual reply fits, and costs one C{send} in place of two
    C{epoll_ctl} and a turn of the reactor.
    """

    read_size = 16 * 1024
    """Bytes that are read at once."""

    unsent = 0
    """Bytes that are queued because the socket has not accepted them yet."""

    _idle = True  # whether nothing is queued and the connection stands

    def doRead(self: Any) -> Any:
        """Pass on what one C{recv} returns. Errors are left to Twisted's C{doRead}."""
        try:
            data = self.socket.recv(self.read_size)
        except OSError:
            return super().doRead()  # type: ignore[misc]
        if not data:
            return CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def write(self: Any, data: bytes) -> None:
        """Send what the socket accepts and queue the rest."""
        sent = 0
        if self._idle:
            try:
                sent = self.socket.send(data)
            except OSError:
                pass  # Twisted's own writing meets it again and handles it
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
        """Called when data are queued, or the connection is to be closed after them."""
        self._idle = False
        super().startWriting()  # type: ignore[misc]

    def stopWriting(self: Any) -> None:
        """Called when the queue is empty."""
        super().stopWriting()  # type: ignore[misc]
        self._idle = self.connected


class TCPTransport(WriteAtOnce, tcp.Server):
    """A TCP connection that writes at once."""


class UNIXTransport(WriteAtOnce, unix.Server):
    """A Unix socket connection that writes at once."""


class LinkTransport(WriteAtOnce, tcp.Connection):
    """One end of the socket pair between a worker and the owner."""

    read_size = 256 * 1024
    bufferSize = 1024 * 1024
    """Bytes that may wait to be taken before the other side counts as slow."""

    def __init__(self, link: socket.socket, protocol: Any, reactor: Any) -> None:
        super().__init__(link, protocol, reactor)
        self.connected = 1
        self.startReading()
