"""Transports of Twisted's that write at once, and what is asked of any transport."""

from __future__ import annotations

import socket
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


class WriteAtOnce:
    """
    A mixin for stream transports: a write tries the socket first.

    What the socket does not take goes the inherited way, into the buffer, and so do errors, so that producers,
    half-close and abort behave as ever. The usual reply fits, and costs one C{send} in place of two
    C{epoll_ctl} and a turn of the reactor.
    """

    read_size = 16 * 1024
    """Bytes that are read at once."""

    _idle = True  # whether nothing is queued and the connection stands

    def doRead(self: Any) -> Any:
        """Read once, and give the protocol what has come."""
        try:
            data = self.socket.recv(self.read_size)
        except OSError:
            return super().doRead()  # type: ignore[misc]
        if not data:
            return CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def write(self: Any, data: bytes) -> None:
        """Send C{data}, now as far as possible, later for the rest."""
        sent = 0
        if self._idle:
            try:
                sent = self.socket.send(data)
            except OSError:
                pass  # the inherited way meets it again, and knows what to do
            if sent == len(data):
                return
        super().write(data[sent:])  # type: ignore[misc]

    def startWriting(self: Any) -> None:
        """Something is queued, or the end is."""
        self._idle = False
        super().startWriting()  # type: ignore[misc]

    def stopWriting(self: Any) -> None:
        """Nothing is queued any more."""
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
