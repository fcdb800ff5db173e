"""Listening on endpoints with Twisted's ports, but transports of the mode's choice."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet import tcp, unix
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

BACKLOG = 4096
"""Default of C{tcp-backlog}: the maximum length of the accept queue. The kernel limits it to net.core.somaxconn."""

_TWISTED_BACKLOG = 50
"""The backlog of endpoints that name none."""

MAX_KEEPALIVE_S = 32767
"""The kernel's maximum for TCP_KEEPIDLE and TCP_KEEPINTVL, in seconds."""


class AdoptedUNIXPort(unix.Port):
    """
    A port on a Unix socket that another process has bound and whose file it owns. Twisted's own port would make the
    file accessible to all users, and delete it when the port is closed.
    """

    def startListening(self) -> None:
        """Accept, as C{unix.Port} does, but without a change of the file's mode."""
        tcp._reservedFD.reserve()  # to refuse connections when the process is out of descriptors
        self.factory.doStart()  # type: ignore[union-attr]
        self.socket, self._preexistingSocket = self._preexistingSocket, None
        self.fileno = self.socket.fileno  # type: ignore[method-assign, union-attr]
        self.connected = True
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: Any) -> None:
        """Close, as C{unix.Port} does, but keep the file."""
        tcp.Port.connectionLost(self, reason)


class TCPPort(tcp.Port):
    """A port that accepts no IPv4 if its address is IPv6, as in Redis: another port can listen for IPv4."""

    def createInternetSocket(self) -> socket.socket:
        listening = super().createInternetSocket()
        serve_one_family(listening)
        return listening


def serve_one_family(sock: socket.socket) -> None:
    """Set IPV6_V6ONLY if the socket is IPv6."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


class ClientFactory(Factory):
    """
    The factory of a mode's ports.

    @param make: called with the address of each client. Returns its protocol.
    """

    noisy = False

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._make(addr)

    def logPrefix(self) -> str:
        """Return the subject of the line that Twisted logs for each port: C{... starting on 6379}."""
        return "Listener for clients"


class Listener:
    """
    The methods of a reactor that Twisted's server endpoints call, so that endpoint strings work in every mode:
    C{serverFromString(listener, "tcp:6379")}.

    @param reactor: the C{IReactorFDSet} that watches the ports.
    @param tcp_transport: called for each accepted connection, as L{twisted.internet.tcp.Server} is.
    @param unix_transport: the same for Unix sockets.
    @param keepalive: seconds of silence after which the kernel probes a TCP client; 0 disables probes.
    @param backlog: the maximum length of the accept queue of endpoints that name none.
    """

    def __init__(
        self,
        reactor: Any,
        tcp_transport: Callable[..., Any],
        unix_transport: Callable[..., Any],
        keepalive: int = 0,
        backlog: int = BACKLOG,
    ) -> None:
        self._reactor = reactor
        self._backlog = backlog
        self._sockets: list[socket.socket] = []
        self._keepalive = keepalive
        self._tcp_transport = tcp_transport
        self._unix_transport = unix_transport

    def listen(self, endpoint: str, factory: IProtocolFactory) -> Deferred[Any]:
        """Listen on an endpoint. Returns a Deferred of its port."""
        return serverFromString(self, endpoint).listen(factory)

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> tcp.Port:
        return self._listen(TCPPort(port, factory, self._length(backlog), interface, self._reactor))

    def listenUNIX(
        self, address: bytes, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> tcp.Port:
        return self._listen(unix.Port(address, factory, self._length(backlog), mode, self._reactor, wantPID))

    def _length(self, backlog: int) -> int:
        return self._backlog if backlog == _TWISTED_BACKLOG else backlog

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> tcp.Port:
        """Listen on a TCP port with TLS. Requires the extra C{tls}."""
        from twisted.protocols.tls import TLSMemoryBIOFactory

        return self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog, interface)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> tcp.Port:
        if addressFamily == socket.AF_UNIX:
            return self._listen(AdoptedUNIXPort._fromListeningDescriptor(self._reactor, fileDescriptor, factory))
        return self._listen(tcp.Port._fromListeningDescriptor(self._reactor, fileDescriptor, addressFamily, factory))

    def _listen(self, port: tcp.Port) -> tcp.Port:
        # tcp.Port documents this attribute for the purpose
        port.transport = self._unix_transport if isinstance(port, unix.Port) else self._tcp_transport  # type: ignore[assignment]
        port.startListening()
        self._listens(port.socket)
        return port

    def _listens(self, listening: socket.socket) -> None:
        """Must be called with each listening socket."""
        self._sockets.append(listening)
        if self._keepalive:  # a worker has 0: the owner has set the options of its sockets
            _keep_alive(listening, self._keepalive)

    def keep_alive(self, seconds: int) -> None:
        """
        Set the keepalive options of future connections.

        @param seconds: as C{keepalive} of L{__init__}.
        """
        self._keepalive = seconds
        for listening in self._sockets:
            _keep_alive(listening, seconds)


def close_now(port: tcp.Port) -> None:
    """Close a port, unless it is closed, before this returns; C{stopListening} does so in the next iteration."""
    if port.connected:
        port.disconnecting = True
        port.stopReading()
        port.connectionLost(Failure(ConnectionDone()))


def _keep_alive(listening: socket.socket, seconds: int) -> None:
    """Set the options of a listening socket, which accepted sockets inherit, to the values of Redis (anet.c)."""
    if listening.family == socket.AF_UNIX or listening.fileno() < 0:
        return
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, seconds > 0)
    if not seconds:
        return
    idle = min(seconds, MAX_KEEPALIVE_S)
    for name, value in (("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", max(1, idle // 3)), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)  # not every platform has them
        if option is not None:
            listening.setsockopt(socket.IPPROTO_TCP, option, value)
