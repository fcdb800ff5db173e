"""
How sockets that listen are shared with workers.

The owner binds: errors are met at the start, and a socket outlives the worker that accepts from it. Of a TCP port
every worker has a socket of its own (SO_REUSEPORT), over which the kernel spreads connections by a hash of their
addresses; of a Unix socket, and of one that systemd has passed on, all have the same.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory

from tseep.net.listener import BACKLOG, Listener, serve_one_family
from tseep.net.transport import TCPTransport, UNIXTransport

_SYSTEMD = re.compile(r"\bsystemd(:\w+=[^:]*)*")


class SharedPort:
    """
    A port whose connections the workers accept.

    @param port: Twisted's, which never accepts.
    @param others: more sockets of the same address, for the workers after the first; none if all have the same.
    """

    def __init__(self, port: Any, others: Sequence[socket.socket] = ()) -> None:
        self._port = port
        self._others = others

    def getHost(self) -> Any:
        """The address that it listens on."""
        return self._port.getHost()

    def descriptor(self, worker: int) -> int:
        """The number of the socket that a worker is to have."""
        sockets = [self._port, *self._others]
        return int(sockets[worker % len(sockets)].fileno())

    def stopListening(self) -> Any:
        """Close the owner's sockets. Returns a Deferred that fires when that is done."""
        for each in self._others:
            each.close()
        return self._port.stopListening()


class _Asleep:
    """A reactor for ports that others accept from: it wakes nobody."""

    def __init__(self, reactor: Any) -> None:
        self.callLater = reactor.callLater

    def addReader(self, reader: Any) -> None:
        """It is not woken."""

    def removeReader(self, reader: Any) -> None:
        """It never was."""

    def removeWriter(self, writer: Any) -> None:
        """The same."""


class SharingListener(Listener):
    """
    The owner's listener: binds, and accepts nothing.

    @param workers: how many there are.
    """

    def __init__(self, reactor: Any, workers: int, keepalive: int = 0) -> None:
        super().__init__(_Asleep(reactor), TCPTransport, UNIXTransport, keepalive)
        self._workers = workers

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> Any:
        """Bind a TCP port, a socket for each worker."""
        first, *others = _bind(interface, port, max(backlog, BACKLOG), self._workers)
        for each in others:
            self._listens(each)
        with first:  # of which the port has a copy
            return SharedPort(super().adoptStreamPort(first.fileno(), first.family, factory), others)

    def listenUNIX(self, *args: Any, **kwargs: Any) -> Any:
        """Bind a Unix socket."""
        return SharedPort(super().listenUNIX(*args, **kwargs))

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> Any:
        """Take over a socket that is bound already."""
        return SharedPort(super().adoptStreamPort(fileDescriptor, addressFamily, factory))


def _bind(interface: str, port: int, backlog: int, number: int) -> list[socket.socket]:
    """
    Sockets that listen on one and the same port.

    The first is bound as if it were the only one: if SO_REUSEPORT were set by then, a second server could take half of
    the connections of one that runs already, and neither would know.

    @raise CannotListenError: if that cannot be done.
    """
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    sockets: list[socket.socket] = []
    try:
        for place in range(number):
            each = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(each)
            serve_one_family(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, place > 0)
            each.bind(_address(interface, port, family))
            port = each.getsockname()[1]
        sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, number > 1)
        for each in sockets:
            each.setblocking(False)
            each.listen(backlog)
    except OSError as error:
        for each in sockets:
            each.close()
        raise CannotListenError(interface, port, error) from None
    return sockets


def _address(interface: str, port: int, family: int) -> Any:
    if not interface:
        return (interface, port)
    flags = socket.AI_NUMERICHOST
    return socket.getaddrinfo(interface, port, family, socket.SOCK_STREAM, flags=flags)[0][4]


class HandedListener(Listener):
    """
    A worker's listener for one endpoint: whatever that asks for, it listens on the socket that the owner has bound.

    @param descriptor: the number of that socket.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        super().__init__(reactor, TCPTransport, UNIXTransport)
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def listen(self, endpoint: str, factory: IProtocolFactory) -> Deferred[Any]:
        """Listen; what systemd has passed on, it has passed on to the owner."""
        with self._socket:  # of which the port has a copy
            return super().listen(_SYSTEMD.sub("tcp:0", endpoint), factory)

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> tcp.Port:
        """Accept from a TCP socket, or whichever it is."""
        return self.adoptStreamPort(self._socket.fileno(), self._socket.family, factory)

    def listenUNIX(
        self, address: bytes, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> tcp.Port:
        """Accept from a Unix socket."""
        return self.adoptStreamPort(self._socket.fileno(), self._socket.family, factory)
