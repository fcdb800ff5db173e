"""
Listening sockets that the owner binds and the workers accept from.

Bind errors appear at start-up, and a socket outlives the worker that accepts from it. For a TCP port each worker has a
socket of its own (SO_REUSEPORT); the kernel distributes connections by a hash of their addresses. A Unix socket, and a
socket from systemd, is shared by all workers.
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

from tseep.net.listener import BACKLOG, Listener, close_now, serve_one_family
from tseep.net.transport import TCPTransport, UNIXTransport

_SYSTEMD = re.compile(r"\bsystemd(:\w+=[^:]*)*")


class SharedPort:
    """
    A port whose connections the workers accept.

    @param port: Twisted's port, which never accepts. It has the socket of the first worker.
    @param others: the sockets of the other workers; empty if all share the first one.
    """

    def __init__(self, port: Any, others: Sequence[socket.socket] = ()) -> None:
        self._port = port
        self._others = others

    def getHost(self) -> Any:
        return self._port.getHost()

    @property
    def listening(self) -> bool:
        """False once the port is closed or about to be."""
        return bool(self._port.connected) and not self._port.disconnecting

    def descriptor(self, worker: int) -> int:
        """Return the file descriptor of a worker's socket."""
        sockets = [self._port, *self._others]
        return int(sockets[worker % len(sockets)].fileno())

    def close_now(self) -> None:
        """Stop to listen at once, also for the workers, which close their copies of the sockets later."""
        for each in (self._port.socket, *self._others):
            if each.family != socket.AF_UNIX:
                each.shutdown(socket.SHUT_RDWR)
        for each in self._others:
            each.close()
        close_now(self._port)

    def stopListening(self) -> Any:
        """Close the owner's sockets. Returns a Deferred that fires when they are closed, or None."""
        for each in self._others:
            each.close()
        return self._port.stopListening()


class _IdleReactor:
    """The reactor of the owner's ports: it never wakes them, as the workers accept."""

    def __init__(self, reactor: Any) -> None:
        self.callLater = reactor.callLater

    def addReader(self, reader: Any) -> None:
        """Do nothing: ports of the owner do not accept."""

    def removeReader(self, reader: Any) -> None:
        pass

    def removeWriter(self, writer: Any) -> None:
        pass


class SharingListener(Listener):
    """
    The owner's listener: binds sockets and accepts no connection.

    @param workers: number of workers.
    """

    def __init__(self, reactor: Any, workers: int, keepalive: int = 0, backlog: int = BACKLOG) -> None:
        super().__init__(_IdleReactor(reactor), TCPTransport, UNIXTransport, keepalive, backlog)
        self._workers = workers

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> Any:
        """Bind one socket per worker to a TCP port."""
        first, *others = _bind(interface, port, self._length(backlog), self._workers)
        for each in others:
            self._listens(each)
        with first:  # the port has a duplicate of it
            return SharedPort(super().adoptStreamPort(first.fileno(), first.family, factory), others)

    def listenUNIX(self, *args: Any, **kwargs: Any) -> Any:
        return SharedPort(super().listenUNIX(*args, **kwargs))

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> Any:
        return SharedPort(super().adoptStreamPort(fileDescriptor, addressFamily, factory))


def _bind(interface: str, port: int, backlog: int, number: int) -> list[socket.socket]:
    """
    Return sockets that listen on the same port.

    The first one is bound without SO_REUSEPORT, so that the port of another server is an error. With the option, both
    servers would get half of the connections each.

    @raise CannotListenError: if a socket cannot be bound.
    """
    family = socket.AF_INET6 if ":" in interface else socket.AF_INET
    sockets: list[socket.socket] = []
    try:
        for index in range(number):
            each = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(each)
            serve_one_family(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, index > 0)
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
    A worker's listener for one endpoint. Whatever the endpoint names, it listens on the socket that the owner bound.

    @param descriptor: the file descriptor of that socket.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        super().__init__(reactor, TCPTransport, UNIXTransport)
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)

    def listen(self, endpoint: str, factory: IProtocolFactory) -> Deferred[Any]:
        """
        Listen for an endpoint. C{systemd:} is replaced, as systemd passed its socket to the owner, not to this process.
        """
        with self._socket:  # the port has a duplicate of it
            return super().listen(_SYSTEMD.sub("tcp:0", endpoint), factory)

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> tcp.Port:
        """Listen on the owner's socket, which can be of another family."""
        return self.adoptStreamPort(self._socket.fileno(), self._socket.family, factory)

    def listenUNIX(
        self, address: bytes, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> tcp.Port:
        """Listen on the owner's socket, as L{listenTCP}."""
        return self.adoptStreamPort(self._socket.fileno(), self._socket.family, factory)
