"""Where endpoints listen: Twisted's own ports, with a transport of the mode's choice."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Callable

from twisted.internet import tcp, unix
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IAddress, IProtocolFactory
from twisted.internet.protocol import Factory

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel lowers it to net.core.somaxconn."""

MOST_SECONDS = 32767
"""What the kernel takes for a time of TCP's keep-alive."""


class AdoptedUNIXPort(unix.Port):
    """
    A port on a Unix socket that somebody else has bound: its file and who may use it are theirs. (Twisted's own lets
    everybody use it, and removes it in the end.)
    """

    def startListening(self) -> None:
        """Begin to accept."""
        tcp._reservedFD.reserve()  # for the refusal when there are no more files
        self.factory.doStart()  # type: ignore[union-attr]
        self.socket, self._preexistingSocket = self._preexistingSocket, None
        self.fileno = self.socket.fileno  # type: ignore[method-assign, union-attr]
        self.connected = True
        self.numberAccepts = 100
        self.startReading()

    def connectionLost(self, reason: Any) -> None:
        """It accepts no more."""
        tcp.Port.connectionLost(self, reason)


class TCPPort(tcp.Port):
    """A port that serves IPv6 alone if its address is one of IPv6, as in Redis; that of IPv4 is left to another."""

    def createInternetSocket(self) -> socket.socket:
        """A socket to listen on."""
        made = super().createInternetSocket()
        serve_one_family(made)
        return made


def serve_one_family(sock: socket.socket) -> None:
    """Let a socket of IPv6 serve no IPv4."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


class ClientFactory(Factory):
    """
    Builds what serves a client of a listener.

    @param make: called with the address of each client; returns its protocol.
    """

    noisy = False

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._make(addr)


class Listener:
    """
    What Twisted's server endpoints ask of a reactor, so that every endpoint string works in every mode:
    C{serverFromString(listener, "tcp:6379")}.

    @param reactor: who wakes the ports.
    @param tcp_transport: made for each accepted connection, as L{twisted.internet.tcp.Server} is.
    @param unix_transport: the same for Unix sockets.
    @param keepalive: seconds after which the kernel asks a silent TCP client whether it is there; 0 for never.
    """

    def __init__(
        self, reactor: Any, tcp_transport: Callable[..., Any], unix_transport: Callable[..., Any], keepalive: int = 0
    ) -> None:
        self._reactor = reactor
        self._sockets: list[socket.socket] = []
        self._keepalive = keepalive
        self._tcp_transport = tcp_transport
        self._unix_transport = unix_transport

    def listen(self, endpoint: str, factory: IProtocolFactory) -> Deferred[Any]:
        """Listen on an endpoint; return a Deferred of its port."""
        return serverFromString(self, endpoint).listen(factory)

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> tcp.Port:
        """Listen on a TCP port, as C{IReactorTCP} says."""
        return self._listen(TCPPort(port, factory, max(backlog, BACKLOG), interface, self._reactor))

    def listenUNIX(
        self, address: bytes, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> tcp.Port:
        """Listen on a Unix socket, as C{IReactorUNIX} says."""
        return self._listen(unix.Port(address, factory, max(backlog, BACKLOG), mode, self._reactor, wantPID))

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> tcp.Port:
        """Listen on a TCP port and speak TLS on it, as C{IReactorSSL} says. It takes the extra C{tls}."""
        from twisted.protocols.tls import TLSMemoryBIOFactory

        return self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog, interface)

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> tcp.Port:
        """Listen on a socket that somebody else has bound, as C{IReactorSocket} says."""
        if addressFamily == socket.AF_UNIX:
            return self._listen(AdoptedUNIXPort._fromListeningDescriptor(self._reactor, fileDescriptor, factory))
        return self._listen(tcp.Port._fromListeningDescriptor(self._reactor, fileDescriptor, addressFamily, factory))

    def _listen(self, port: tcp.Port) -> tcp.Port:
        # a port's own documentation offers this attribute for the purpose
        port.transport = self._unix_transport if isinstance(port, unix.Port) else self._tcp_transport  # type: ignore[assignment]
        port.startListening()
        self._listens(port.socket)
        return port

    def _listens(self, listening: socket.socket) -> None:
        """To be called with each socket."""
        self._sockets.append(listening)
        if self._keepalive:  # else they stay as they are: a worker's were made ready by the owner
            _keep_alive(listening, self._keepalive)

    def keep_alive(self, seconds: int) -> None:
        """
        Let the kernel look after the connections that will be accepted.

        @param seconds: as C{keepalive}.
        """
        self._keepalive = seconds
        for listening in self._sockets:
            _keep_alive(listening, seconds)


def _keep_alive(listening: socket.socket, seconds: int) -> None:
    """Set how the kernel asks silent clients: what a socket accepts inherits it. The times are those of Redis."""
    if listening.family == socket.AF_UNIX or listening.fileno() < 0:
        return
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, seconds > 0)
    if not seconds:
        return
    idle = min(seconds, MOST_SECONDS)
    for name, value in (("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", max(1, idle // 3)), ("TCP_KEEPCNT", 3)):
        option = getattr(socket, name, None)  # not every platform has them
        if option is not None:
            listening.setsockopt(socket.IPPROTO_TCP, option, value)
